#pragma once
#include <string>
#include <vector>

#include "config/netconf.h"

namespace trestle::overlay {

// A working frr.conf for this node with control "evpn": iBGP with every peer of the list, or with the route reflectors alone. Pure.
// `reflector`: this node is one itself. `conf.overlay->here` is set. Throws Error{bad_config} where FRR would do nothing: another control plane, no
// node to speak to.
std::string frr_conf(const config::NetConf& conf, const std::vector<net::Ip>& reflectors, bool reflector);

}  // namespace trestle::overlay
