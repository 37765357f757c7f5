#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cni/result.h"

namespace trestle::cni {

namespace {

// Runtimes write our texts to terminals and line-based logs: no escape sequence and no forged line may get there.
std::string tame(const std::string& text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080 to U+009F: 8-bit CSI and its kin
      out += '?';
      ++i;
    } else if ((byte < 0x20 && !(keep_lines && byte == '\n')) || byte == 0x7f) {
      out += '?';
    } else {
      out += text[i];
    }
  }
  return out;
}

// Text into a fixed buffer; `fits` turns false for good when something did not.
struct Fixed {
  char* at;
  char* end;
  bool fits = true;

  void put(std::string_view text) noexcept {
    if (!fits || static_cast<std::size_t>(end - at) < text.size()) {
      fits = false;
      return;
    }
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
};

}  // namespace

std::string error_json(const std::string& version, int code, const std::string& msg, const std::string& details) {
  const auto& known = supported_versions();
  const bool is_known = std::find(known.begin(), known.end(), version) != known.end();
  nlohmann::json out{{"cniVersion", is_known ? version : known.back()}, {"code", code}, {"msg", tame(msg, false)}};
  if (!details.empty()) out["details"] = tame(details, true);
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::size_t error_json_static(char* buffer, std::size_t size, int code, const char* msg) noexcept {
  constexpr std::string_view kTail = "\"}";
  if (size <= kTail.size()) return 0;
  char digits[16];
  const char* const digits_end = std::to_chars(digits, digits + sizeof digits, code).ptr;
  Fixed out{buffer, buffer + size - kTail.size()};
  out.put(R"({"cniVersion":"1.1.0","code":)");
  out.put({digits, static_cast<std::size_t>(digits_end - digits)});
  out.put(R"(,"msg":")");
  if (!out.fits) return 0;
  for (; *msg != '\0' && out.fits; ++msg) {
    const bool escape = *msg == '"' || *msg == '\\';
    const char two[] = {'\\', *msg};
    const char one = *msg >= ' ' && *msg <= '~' ? *msg : '?';
    out.put(escape ? std::string_view(two, 2) : std::string_view(&one, 1));
  }
  std::memcpy(out.at, kTail.data(), kTail.size());
  return static_cast<std::size_t>(out.at - buffer) + kTail.size();
}

}  // namespace trestle::cni
