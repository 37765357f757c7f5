#pragma once
// Does a frame of full size come through the tunnel to each peer, and if not, why?
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "config/netconf.h"

namespace trestle::overlay {

enum class Finding : std::uint8_t { well, small_only, no_tunnel, no_node, not_asked };

struct Probed {
  config::Peer peer;
  Finding finding = Finding::not_asked;
  std::string text;  // for people: the likely cause
};

// Which of `targets` answer an ICMP echo with so many bytes of data, none of it fragmented, within the time. All are asked at once.
std::set<net::Ip> echo(const std::vector<net::Ip>& targets, std::size_t payload, int timeout_ms);
// In the current network namespace. Layer 3: the gateway of the peer's first subnet answers behind the tunnel. On layer 2 a node has no
// address of its own in the network: only the node itself is asked. `conf.overlay->here` is set. Throws Error{kernel}.
std::vector<Probed> probe(const config::NetConf& conf, int timeout_ms = 1000);

}  // namespace trestle::overlay
