#pragma once
// What stands in IFLA_IFALIAS of a pod's links on the host.
#include <optional>
#include <string>
#include <string_view>

#include "net/names.h"

namespace trestle::net {

// "network/container/ifname", cut at 255 bytes. For people, and for finding a link that somebody renamed.
std::string link_alias(const Owner& owner);
// Whose link that is; nullopt when the alias is none of ours, or was cut.
std::optional<Owner> alias_owner(std::string_view alias);

}  // namespace trestle::net
