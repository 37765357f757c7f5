#pragma once
// A switch that goes on on other nodes: the tunnel's end, and what may pass it.
#include <string>
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// Chains and sets for the switch's Rules; "" without `overlay`. Tunnel packets are taken from peers alone, by port and VNI, so that another
// VXLAN on that port lives on. Layer 2: every node has the gateway, so its ARP and ND and what is sent to it never pass the tunnel. Layer 3:
// what comes out of the tunnel goes to this switch and nowhere else.
std::string tunnel_text(const SwitchInput& in);
// With `directRouting`, for the switch's chains, '$' for its name: the sets; what may leave past the tunnel, unmasqueraded; what may come past
// it: the peers' pods, and their hosts, which have the underlay's addresses. "" without.
std::string direct_sets(const config::NetConf& conf);
std::string to_direct(const config::NetConf& conf);
std::string from_direct(const config::NetConf& conf);
// The tunnel's end, last: its guard is there before it goes up. Nothing without `overlay`.
void add_tunnel(std::vector<plan::Step>& steps, const SwitchInput& in);
// Control "evpn": a routing daemon tells the other nodes of what is permanent here: the static FDB entry of the port, and these neighbours.
void add_endpoint(std::vector<plan::Step>& steps, const AttachmentInput& in);
// What the switch's chains have to know of the peers: the set that tunnel packets' senders must be in, and with `directRouting` what comes and
// goes past the tunnel. `overlay.here` is set.
std::vector<plan::Elements> peer_elements(const net::IfName& bridge, const config::Overlay& overlay);

}  // namespace trestle::modes
