#pragma once
// The key `overlay`: a network over many nodes (DESIGN section 8).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/ifname.h"
#include "net/ip.h"

namespace trestle::config {

// A node of the network, ourselves among them: one list serves all.
struct Peer {
  net::Ip vtep;
  std::vector<net::Cidr> subnets = {};      // layer 3: whose pods have addresses of these
  std::string node = {};                    // "": known by its address alone
  std::optional<std::uint32_t> index = {};  // its part by `ipam.nodeRange`, wherever its entry stands
  bool operator==(const Peer&) const = default;
};

// This node's part, as the host says; parse() leaves it out.
struct Here {
  net::Ip local;                         // tunnel packets leave from it
  net::IfName underlay;                  // the link that has it
  std::uint32_t mtu = 0;                 // the most that the tunnel carries
  std::string identity;                  // what its peers derive our MAC from
  std::vector<Peer> others = {};         // all but ourselves, of the configuration and of its file
  std::optional<Peer> own = {};          // our entry
  std::uint32_t place = 0;               // and where it stands in the list
  std::vector<net::Cidr> segments = {};  // what `underlay` reaches without a router, while it is up
};

struct Overlay {
  std::uint32_t vni = 0;  // 1..16777215
  std::uint16_t port = 4789;
  std::string local = {};  // a link, an address or a subnet that has one; "": where the default route leads
  int layer = 2;           // 2: one segment; 3: a subnet per node
  std::string control = "static";
  std::vector<Peer> peers = {};
  std::string peers_file = {};
  std::optional<net::Ip> group = {};  // control "multicast"
  std::string node = {};              // our name in the list; "": the host's
  bool tx_checksum = true;  // false: the kernel sums up before the tunnel, for a NIC that does it wrong inside of one
  std::uint32_t max_peers = 512;  // layer 2: each broadcast is sent to each of them
  bool direct = false;            // peers in our own segment are reached past the tunnel
  std::optional<Here> here = {};
};

net::IfName vtep_of(const Overlay& overlay);  // what this node's end is called

// Are the peers those of a list? Else they are found by frames or by a routing daemon, and only where the tunnel leaves from is ours to keep.
inline bool is_listed(const Overlay& overlay) { return overlay.control == "static"; }

// Is it known whom to listen to? Control "evpn" may have a list too, for frr.conf and for this. `overlay.here` is set.
inline bool is_guarded(const Overlay& overlay) {
  return is_listed(overlay) || !overlay.here->others.empty() || overlay.here->own;
}

// Is that subnet of the peer's reached past the tunnel? The peer stands in our own segment, and the kernel takes an IPv4 next hop for IPv4
// alone: an IPv6 subnet over an IPv4 underlay stays in the tunnel. `overlay.here` is set.
bool is_direct(const Overlay& overlay, const Peer& peer, net::Family subnet);

// What a file of peers holds: a JSON list, or an object with that list as "peers". Throws Error{bad_config} with the place.
std::vector<Peer> parse_peers(const std::string& text, const std::string& path);

}  // namespace trestle::config
