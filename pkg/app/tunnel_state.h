#pragma once
// What was programmed of a tunnel last: overlay/<VTEP>.json below the state directory. An ADD sees by its first line whether anything is to do;
// `repair` makes all of it again without a configuration.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/netconf.h"
#include "net/ifname.h"

namespace trestle::app {

struct TunnelState {
  net::IfName bridge;
  config::Overlay overlay;  // with `here`
};

std::string tunnel_state_path(const std::string& state_dir, const net::IfName& vtep);
// All of them, each after its VTEP's name.
std::vector<std::pair<std::string, std::string>> tunnel_state_paths(const std::string& state_dir);
// What to say of one that cannot be read.
std::string damaged_state(const std::string& path);
// Our own entry at its place among the others.
std::vector<config::Peer> all_peers(const config::Here& here);

// The first line of the file.
struct TunnelMark {
  std::string digest;        // equal where the same would be programmed
  std::uint32_t index = 0;   // of the VTEP: made anew it has nothing of it
  std::uint32_t sample = 0;  // the number of a next hop, 0 for none: with a link all next hops on it go
  std::uint64_t held =
      0;  // CLOCK_BOOTTIME, seconds: since then peers that are off the list wait for their turn; 0: none
  // Of the minute in which peers went last: when it began, how many stood then, how many went.
  struct Minute {
    std::uint64_t since = 0, stood = 0, gone = 0;
    bool operator==(const Minute&) const = default;
  } minute = {};
  bool operator==(const TunnelMark&) const = default;
};
// Of what `overlay` has now.
TunnelMark tunnel_mark(const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index);
std::optional<TunnelMark> read_tunnel_mark(const std::string& path);

std::string state_text(const TunnelMark& mark, const net::IfName& bridge, const config::Overlay& overlay);
// nullopt: nothing that can be read, or of another version. The mark tells an ADD all that it asks: of the peers, thousands, it reads none.
std::optional<TunnelState> read_tunnel_state(const std::string& path);
// And what a killed call left beside it, and the folder with the last one. Returns why it could not be removed.
std::optional<std::string> remove_tunnel_state(const std::string& path);

}  // namespace trestle::app
