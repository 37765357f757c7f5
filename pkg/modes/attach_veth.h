#pragma once
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The pair, its port on the switch, both ends up.
void add_veth(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The pod's addresses, routes and their announcement.
void add_addresses(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The pod's routes as the result tells them: those of the config with their gateways filled in, then the default route of each family
// that has none, unless `defaultRoute` is false or another NIC has it.
std::vector<cni::ResultRoute> routes(const config::NetConf& conf, const plan::Lease& lease,
                                     const std::vector<net::Family>& pod_default = {});
// `isolated` has no router: its first address is nobody's, or the host's alone.
bool tells_gateway(const config::NetConf& conf);
// Switch, host link, pod side; addresses on the pod side.
cni::Result veth_result(const AttachmentInput& in, const net::Mac& bridge_mac);

}  // namespace trestle::modes
