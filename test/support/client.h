#pragma once
// What a guest's own system would do on its NIC: DHCP, router solicitation, DNS. Each returns nullopt when nobody answers.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/scratch.h"

namespace trestle::test {

// busybox' udhcpc on eth0 of that pod, asking for MTU, search, NTP and classless routes too. What it would hand to its script: "ip", "subnet",
// "router", "dns", "mtu", "staticroutes", "ntpsrv", "search", "domain", "hostname", "lease", "serverid". The pod's addresses are not touched.
using DhcpLease = std::map<std::string, std::string>;
std::optional<DhcpLease> dhcp(const Pod& pod, int tries = 3);

// SOLICIT and REQUEST, by frames from the link-local address of that MAC with a DUID made from `duid` (or the MAC). `options`: of the REPLY, by
// their codes.
struct Dhcp6Lease {
  std::string address;  // "" when the server has none for us
  std::map<int, std::string> options;
};
std::optional<Dhcp6Lease> dhcp6(const Pod& pod, const std::string& mac, const std::string& duid = {},
                                int patience_ms = 3000);

// The ICMPv6 part of a router advertisement that answers a solicitation.
std::optional<std::string> router_advert(const Pod& pod, const std::string& mac, int patience_ms = 4000);

// A DNS query of type A or AAAA by UDP from inside the pod. `rcode` 3: no such name, 5: refused.
struct Resolved {
  int rcode = -1;
  std::vector<std::string> addresses;
};
std::optional<Resolved> resolve(const Pod& pod, const std::string& server, const std::string& name, bool v6 = false,
                                int patience_ms = 2000);

}  // namespace trestle::test
