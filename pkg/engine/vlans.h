#pragma once
// The VLANs of a switch beyond what a Step names: VID 1, which every port of ours has from birth, and the host's own VLAN interfaces.
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// A port of a switch of ours that filters (or that bridge itself) lives in VID 1, untagged: what is wrong with that, or nullopt. No other bridge
// is asked: its owner may have given its ports another default, or none.
std::optional<std::string> default_vlan_defect(Context& context, const kernel::LinkInfo& bridge, std::uint32_t link);
// The same of a pod's port or of the bridge itself, for which one of `steps` may name other VLANs.
std::optional<std::string> default_vlan_defect(Context& context, const kernel::LinkInfo& bridge,
                                               const kernel::LinkInfo& link, const std::vector<plan::Step>& steps);
// Notes in the context that a bridge gives its new ports no VID 1 (vlan_default_pvid).
void see_default_vlan(Context& context, const kernel::LinkInfo& bridge);
// Gives VID 1 back. A pod's port or a bridge that is in other VLANs is left alone: some Step has named those.
void restore_default_vlan(Context& context, const net::IfName& link, bool self);
// The same for an uplink, which has other networks' VLANs beside it.
void restore_default_vlan(Context& context, const plan::Uplink& step);

// The ifindex of what is a port of a switch of ours, or one itself. A NIC that its owner gave to his own bridge meanwhile lost his VLANs there.
std::optional<std::uint32_t> port_of_ours(Context& context, const net::IfName& link);

// A VLAN interface of the host on an uplink (or on a member of that bond) takes the VLAN's frames before the switch sees them: "nic1.42 of the
// host takes …", nullopt when there is none. A list of all links: not for an ADD to a switch that stands.
// `members`: of a bond that is not made yet.
std::optional<std::string> swallowed(Context& context, const plan::Vlans& vlans,
                                     const std::vector<net::IfName>& members = {});

}  // namespace trestle::engine
