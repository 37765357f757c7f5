#include "store/census.h"

#include <cerrno>

#include "base/text.h"

namespace trestle::store {
namespace {
constexpr std::string_view kSuffix = ".json";
constexpr int kDigits = 16;
}  // namespace

std::string record_file(std::uint64_t owner_hash) { return base::hex(owner_hash, kDigits).append(kSuffix); }

std::optional<std::uint64_t> parse_hash(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

std::optional<std::uint64_t> record_hash(std::string_view file) {
  if (!file.ends_with(kSuffix)) return std::nullopt;
  return parse_hash(file.substr(0, file.size() - kSuffix.size()));
}

Census take_census(const std::optional<Dir>& records) {
  Census census;
  if (!records) return census;
  for (const std::string& name : records->names()) {
    const auto hash = record_hash(name);
    if (!hash) continue;
    const Dir::Content content = records->read(name, kMaxRecord);
    if (content.error == ENOENT) continue;
    const auto seen = content.error == 0 ? outline(content.text) : std::nullopt;
    if (!seen) {
      census.damaged = true;
      census.unreadable.push_back(*hash);
      for (const LeaseRef& lease : salvage_leases(content.text)) census.doubtful.push_back(lease.ip);
      continue;
    }
    census.leases.insert(census.leases.end(), seen->leases.begin(), seen->leases.end());
    for (std::size_t i = 0; i < seen->macs.size(); ++i)
      census.macs.push_back({seen->segments[i], seen->macs[i], *hash});
    for (std::size_t i = 0; i < seen->vms.size(); ++i)
      census.vms.push_back({seen->segments[i], net::vm_hash(seen->vms[i]), *hash});
  }
  return census;
}

}  // namespace trestle::store
