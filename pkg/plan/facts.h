#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"
#include "plan/step.h"

namespace trestle::plan {

// The few things read from the host before planning, once per switch: when it is made. They are kept with it, so that every
// plan for a living switch is the same plan.
struct Facts {
  std::uint32_t mtu = 1500;                  // of the default route's device; 1500 without one
  bool ipv6 = true;                          // the kernel has IPv6 (/proc/sys/net/ipv6)
  std::vector<net::IfName> ra_links = {};    // links that learned a default route by RA and would lose it to forwarding
  std::optional<net::Mac> uplink_mac = {};   // of the first uplink
  std::optional<net::Mac> foreign = {};      // the switch is a bridge that is not ours: its MAC
  bool foreign_filters = false;              // such a bridge filters VLANs
  std::optional<std::string> localnet = {};  // of a link of another plugin's that we are chained on: its route_localnet
  std::optional<TakeAddresses> taken = {};   // what of the uplink goes to the switch (`takeAddresses`)
  // This node's end of the switch's tunnel, as it was made: an underlay that changes later changes the kernel, not the plan.
  struct Tunnel {
    net::IfName link, underlay;
    net::Ip local;
    std::string identity;
    bool operator==(const Tunnel&) const = default;
  };
  std::optional<Tunnel> tunnel = {};
  std::map<std::string, std::uint32_t> parts =
      {};  // by network: which part of its subnet this node has (`ipam.nodeRange`)
  bool operator==(const Facts&) const = default;
};

// One address that the store gave, with what goes with it. Order = order of the range sets.
struct LeasedIp {
  net::Cidr cidr;  // address with the subnet's prefix length
  std::optional<net::Ip> gateway;
};

// What the store gave an attachment.
struct Lease {
  std::vector<LeasedIp> ips;
  net::Mac mac;
  // false: no neighbour can know the first address by another MAC, which follows from it; and the others, which go with that address.
  bool news = true, further_news = true;
};

}  // namespace trestle::plan
