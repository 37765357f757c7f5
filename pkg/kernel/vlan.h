#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// Adds what the Step names and, unless it keeps the default, takes VID 1 away (absent is accepted). The bridge must filter VLANs.
void add_vlans(Batch& batch, std::uint32_t link_index, const plan::Vlans& vlans);
void delete_vlans(Batch& batch, std::uint32_t link_index, const plan::Vlans& vlans);  // absent is accepted
// What of the Step does not hold: "VLAN 10 is not its untagged one", "VLAN 20 is not there", "VLAN 1 is there". nullopt: it holds.
std::optional<std::string> vlans_defect(Socket& socket, std::uint32_t link_index, const plan::Vlans& vlans);

// All that a port is in; none where its bridge does not filter.
std::set<std::uint16_t> vlans_of(Socket& socket, std::uint32_t link_index);

// The VLAN that a port has untagged; nullopt: none, or its bridge does not filter.
std::optional<std::uint16_t> untagged_vlan(Socket& socket, std::uint32_t link_index);

}  // namespace trestle::kernel
