#pragma once
// What was programmed of a tunnel last: overlay/<VTEP>.json below the state directory. An ADD sees by its first line whether anything is to do;
// `repair` makes all of it again without a configuration.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/netconf.h"
#include "net/ifname.h"

namespace trestle::app {

struct TunnelState {
  net::IfName bridge;
  config::Overlay overlay;  // with `here`
  net::IfName vtep() const;
};

std::string tunnel_state_path(const std::string& state_dir, const net::IfName& vtep);
// Our own entry at its place among the others.
std::vector<config::Peer> all_peers(const config::Here& here);

// `index`: of the VTEP: made anew it has nothing of it. `sample`: the number of a next hop past the tunnel, 0 for none: it goes with the
// underlay's link, and all of them together.
std::string state_text(const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index,
                       std::uint32_t sample);
// nullopt: nothing that can be read, or of another version.
std::optional<TunnelState> read_tunnel_state(const std::string& path);
// The sample of a file that was written for the same; nullopt: it was written for something else, or there is none. The file's peers, thousands,
// are not read, but those of `overlay` are hashed.
std::optional<std::uint32_t> sample_if_same(const std::string& path, const net::IfName& bridge,
                                            const config::Overlay& overlay, std::uint32_t index);

}  // namespace trestle::app
