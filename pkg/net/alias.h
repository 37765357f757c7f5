#pragma once
// What stands in IFLA_IFALIAS of a pod's links on the host.
#include <optional>
#include <string>
#include <string_view>

#include "net/names.h"

namespace trestle::net {

// "network/container/ifname", and "/nic" behind it where the link is of another NIC of that attachment; cut at 255 bytes. For people, and
// for finding a link that somebody renamed.
std::string link_alias(const Owner& owner, const IfName& nic);
std::string link_alias(const Owner& owner);  // of the NIC that the call is about
// Whose link that is; nullopt when the alias is none of ours, or was cut.
std::optional<Owner> alias_owner(std::string_view alias);
// And of which NIC.
struct AliasNic {
  Owner owner;
  IfName nic;
};
std::optional<AliasNic> alias_nic(std::string_view alias);

}  // namespace trestle::net
