#include "net/alias.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trestle::net {
namespace {
constexpr std::size_t kMaxAlias = 255;  // IFALIASZ less its NUL
}

std::string link_alias(const Owner& owner, const IfName& nic) {
  const std::string of = owner.network + "/" + owner.container + "/" + owner.ifname;
  return (nic.str() == owner.ifname ? of : of + "/" + nic.str()).substr(0, kMaxAlias);
}

std::string link_alias(const Owner& owner) { return link_alias(owner, IfName::parse(owner.ifname)); }

std::optional<AliasNic> alias_nic(std::string_view alias) try {
  const auto parts = base::split(alias, '/');  // in none of them
  if (parts.size() < 3 || parts.size() > 4 || alias.size() == kMaxAlias) return std::nullopt;
  if (std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); })) return std::nullopt;
  return AliasNic{{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])}, IfName::parse(parts.back())};
} catch (const base::Error&) {
  return std::nullopt;  // somebody else's words
}

std::optional<Owner> alias_owner(std::string_view alias) {
  const auto found = alias_nic(alias);
  return found ? std::optional(found->owner) : std::nullopt;
}

}  // namespace trestle::net
