#pragma once
// Does a frame of full size come through the tunnel to each peer, and if not, why?
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/netconf.h"
#include "engine/context.h"
#include "overlay/tunnel_echo.h"

namespace trestle::overlay {

// not_asked: the node itself answers, and nothing in the tunnel could be asked.
enum class Finding : std::uint8_t { well, small_only, no_tunnel, no_node, not_asked };

struct Probed {
  config::Peer peer;
  Finding finding = Finding::not_asked;
  std::string text;  // for people: the likely cause
};

// In the current network namespace; `conf.overlay->here` is set. Throws Error{kernel}.
// Layer 3: the gateway of each peer's first subnet answers behind the tunnel.
std::vector<Probed> probe_routed(const config::NetConf& conf, int timeout_ms);
// Layer 2: what the agents there have answered; of those who have not, what can be told from outside of the tunnel.
std::vector<Probed> judge(const config::NetConf& conf, const std::map<net::Ip, TunnelEcho::Heard>& heard,
                          int timeout_ms);
// One or the other, and waits for it.
std::vector<Probed> probe(engine::Context& context, const config::NetConf& conf, int timeout_ms = 1000);

}  // namespace trestle::overlay
