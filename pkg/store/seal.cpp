#include "store/seal.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "plan/json_text.h"

namespace trestle::store {
namespace {

constexpr std::string_view kKey = R"(,"sum":")";
constexpr std::string_view kEnd = "\"}\n";
constexpr std::size_t kDigits = 16;
constexpr int kMaxDepth = 64;

// nlohmann's parser takes any depth, and its dump() dies of it (reliability.md 63).
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > kMaxDepth)
      return true;
    else if (!quoted && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

}  // namespace

std::string seal(std::string object) {
  object.pop_back();
  const std::string sum = base::hex(base::checksum64(object), kDigits);
  object.append(kKey).append(sum).append(kEnd);
  return object;
}

std::optional<std::string_view> sealed_part(std::string_view text) noexcept {
  constexpr std::size_t kTail = kKey.size() + kDigits + kEnd.size();
  if (text.size() < kTail + 1 || text.front() != '{' || !text.ends_with(kEnd)) return std::nullopt;
  const std::string_view part = text.substr(0, text.size() - kTail);
  const std::string_view tail = text.substr(part.size());
  if (!tail.starts_with(kKey)) return std::nullopt;
  std::uint64_t sum = 0;
  for (const char c : tail.substr(kKey.size(), kDigits)) {
    if (c >= '0' && c <= '9')
      sum = sum << 4 | static_cast<std::uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      sum = sum << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
    else
      return std::nullopt;
  }
  // The second is what builds before checksum64() sealed with: a node that is upgraded keeps its pods.
  if (sum != base::checksum64(part) && sum != base::hash64(part)) return std::nullopt;
  return part;
}

std::optional<std::string> unseal(std::string_view text) {
  const auto part = sealed_part(text);
  if (!part) return std::nullopt;
  return std::string(*part) + "}";
}

nlohmann::json parse_sealed(std::string_view text) {
  const auto object = unseal(text);
  if (!object) throw base::Error(base::Code::store, "its checksum is wrong: the file is damaged or was edited");
  if (too_deep(*object)) throw base::Error(base::Code::store, "its JSON is nested too deeply");
  try {
    nlohmann::json json = nlohmann::json::parse(*object);
    if (!json.is_object()) throw base::Error(base::Code::store, "it holds no JSON object");
    return json;
  } catch (const nlohmann::json::exception&) {
    throw base::Error(base::Code::store, "it is no valid JSON");
  }
}

std::string dump(const nlohmann::json& json) { return plan::json_text(json); }

}  // namespace trestle::store
