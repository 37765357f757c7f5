#pragma once
// What other tools' firewalls do to our packets: an accept of ours cannot undo a drop in a foreign chain. Reads only.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "net/ifname.h"
#include "net/ip.h"

namespace trestle::kernel {

// A base chain of somebody else on the way of forwarded packets, or of packets to the host, that lets nothing pass but what its rules name,
// and none of its rules, nor of those that it leads to, lets the switch pass by name.
struct ForeignDrop {
  std::string family;               // "ip", "ip6", "inet"
  std::string table, chain;         // as nft lists them; table "filter" of iptables-legacy stands in `legacy`
  bool forward = true;              // else input
  bool legacy = false;              // iptables-legacy
  bool unsure = false;              // it lets something pass by address, which may be the switch's pods
  std::vector<std::string> chains;  // all chains of the table, to tell whose it is: DOCKER-USER, ufw-…
};

// "chain inet fw input": one of somebody else's, filtering or translating, in which a rule asks for the link by name, and none for `beside`. As
// dear as foreign_drops().
std::optional<std::string> chain_that_names(Socket& netfilter, const net::IfName& link, const net::IfName& beside);

// nftables (iptables-nft too) and iptables-legacy. A dump of all chains, and of the rules of tables that drop: never on the ADD path.
std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const net::IfName& bridge);

// The same of what comes from a tunnel's peers to its UDP port: none of the rules accepts it by port, by the link that it comes by, or by a
// peer's address.
struct TunnelInput {
  net::Family family = net::Family::v4;
  std::uint16_t port = 0;
  std::string link;
  std::vector<net::Ip> peers;
};
std::vector<ForeignDrop> foreign_drops(Socket& netfilter, const TunnelInput& tunnel);

}  // namespace trestle::kernel
