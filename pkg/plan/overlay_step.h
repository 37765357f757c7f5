#pragma once
// The Steps of a tunnel to other nodes. Part of plan/step.h.
#include <cstdint>
#include <optional>
#include <string>

#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"

namespace trestle::plan {

// This node's end of a VXLAN (VTEP), made without a device below it: with one it would vanish with that (but for `group`, which needs one).
// With a `master` it is a port of that switch (layer 2), silent itself: no IPv6, neighbours suppressed but for `multicast`. `local` and `mac`
// are for its making: they follow the underlay's address later, and who follows it checks them. undo: delete if its group is ours; with it go all its entries.
struct Vxlan {
  net::IfName link;
  std::optional<net::IfName> master;
  std::uint32_t vni = 0;
  std::uint16_t port = 0;
  net::Ip local;
  std::optional<net::Ip> multicast;     // control plane "multicast": where frames for everybody go
  std::optional<net::IfName> underlay;  // its NIC
  bool learning = false;                // senders are learned from frames
  bool told = false;      // a routing daemon tells where stations are: the switch learns none from the tunnel
  bool isolated = false;  // as a port: portIsolation
  net::Mac mac;
  std::uint32_t mtu = 0;
  std::uint32_t group = 0;
  bool tx_checksum = true;  // ethtool's tx-checksumming, as the kernel makes it; false: off
  bool operator==(const Vxlan&) const = default;
};

// A way to a peer that many routes share: one change moves them all. undo: delete, its routes with it.
struct Nexthop {
  std::uint32_t id = 0;
  net::IfName dev;
  net::Ip via;
  bool operator==(const Nexthop&) const = default;
};

}  // namespace trestle::plan
