#include "net/alias.h"

#include <algorithm>

#include "base/text.h"

namespace trestle::net {
namespace {
constexpr std::size_t kMaxAlias = 255;  // IFALIASZ less its NUL
}

std::string link_alias(const Owner& owner) {
  return (owner.network + "/" + owner.container + "/" + owner.ifname).substr(0, kMaxAlias);
}

std::optional<Owner> alias_owner(std::string_view alias) {
  const auto parts = base::split(alias, '/');  // in none of the three
  if (parts.size() != 3 || alias.size() == kMaxAlias) return std::nullopt;
  if (std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); })) return std::nullopt;
  return Owner{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
}

}  // namespace trestle::net
