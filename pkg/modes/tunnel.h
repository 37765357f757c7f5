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
// The tunnel's end, last: its guard is there before it goes up. Nothing without `overlay`.
void add_tunnel(std::vector<plan::Step>& steps, const SwitchInput& in);
// Control "evpn": a routing daemon tells the other nodes of what is permanent here: the static FDB entry of the port, and these neighbours.
void add_endpoint(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The set that tunnel packets' senders must be in.
plan::Elements peer_elements(const config::NetConf& conf, const std::vector<net::Ip>& peers);

}  // namespace trestle::modes
