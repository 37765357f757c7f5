#pragma once
#include "config/netconf.h"
#include "engine/context.h"

namespace trestle::overlay {

// Where no list names them (control "multicast", "evpn" without one): the nodes that the tunnel's end sends to now become `overlay.here->others`; none while
// there is no such end. With a list: as it is.
config::NetConf with_found_peers(engine::Context& context, config::NetConf conf);

}  // namespace trestle::overlay
