#pragma once
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The pair, its port on the switch, both ends up.
void add_veth(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The pod's addresses, routes and their announcement.
void add_addresses(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The pod's routes as the result tells them: those of the config with their gateways filled in, then the default route of each family
// that has none, unless `defaultRoute` is false.
std::vector<cni::ResultRoute> routes(const config::NetConf& conf, const plan::Lease& lease);
// Switch, host link, pod side; addresses on the pod side.
cni::Result veth_result(const AttachmentInput& in, const net::Mac& bridge_mac);

}  // namespace trestle::modes
