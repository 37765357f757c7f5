#include "modes/rules_text.h"

#include "modes/guest_services.h"
#include "modes/tunnel.h"

namespace trestle::modes {

// Links are named through sets and maps only, so that one static rule serves every switch and every pod: a packet's cost does not grow
// with their number. A packet gets a verdict for the switch it leaves *and* for the one it enters: an accept from one side alone
// leaks from isolated to routed networks (vm.md 1.1). Hence `return` where others write `accept`.
// Published ports are elements of maps; only what is sent to the host's own addresses is led on (CVE-2025-67499: the reference took any
// address's traffic to such a port). With route_localnet a neighbour could name 127.0.0.1 in a frame, and reach what is published to the
// host alone: CVE-2020-8558; `martians` drops it before it is translated.
// Fragments from fe80::/10 are dropped besides those to it: an RA, in pieces to a neighbour's global address, is put together there and
// believed. On a trunk a tag inside of a tag would be the wire's only one where the outer VLAN leaves untagged: a way into any VLAN; and a
// BPDU makes the LAN's switch shut the host's port.
std::string tables_text() {
  return R"(table inet
set switches ifname
map leave ifname : verdict
map enter ifname : verdict
map input ifname : verdict
map masq ifname : verdict
map hairpin ifname : verdict
map hostout ifname : verdict
chain forward filter forward -10
  iifname vmap @leave
  oifname vmap @enter
chain input filter input -10
  iifname vmap @input
chain hostout filter output -10
  oifname vmap @hostout
chain postrouting nat postrouting 100
  oifname vmap @hairpin
  iifname vmap @masq
set routed ifname
map dnat4 inet_proto . inet_service : ipv4_addr . inet_service
map dnat6 inet_proto . inet_service : ipv6_addr . inet_service
map dnat4ip ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
map dnat6ip ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service
set target4 ipv4_addr . inet_proto . inet_service
set target6 ipv6_addr . inet_proto . inet_service
chain martians filter prerouting -300
  ip saddr 127.0.0.0/8 iifname != "lo" drop
  ip daddr 127.0.0.0/8 iifname != "lo" drop
chain prerouting nat prerouting -100
  fib daddr type local goto publish
chain output nat output -100
  fib daddr type local goto publish
chain publish
  ip6 daddr ::1 return
  dnat ip to ip daddr . meta l4proto . th dport map @dnat4ip
  dnat ip6 to ip6 daddr . meta l4proto . th dport map @dnat6ip
  meta nfproto ipv4 dnat ip to meta l4proto . th dport map @dnat4
  meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @dnat6
table bridge
set ports ifname
set macports ifname
set trunkports ifname
set nohost ifname
set mac ifname . ether_addr
set addr4 ifname . ipv4_addr
set addr6 ifname . ipv6_addr
set net4 ifname . ipv4_addr interval
set net6 ifname . ipv6_addr interval
set gateways ipv6_addr
chain prerouting filter prerouting -300
  iifname @ports goto guard
  iifname @macports goto guard_mac
  iifname @trunkports goto guard_trunk
chain input filter input -300
  iifname @nohost drop
chain output filter output -300
  oifname @nohost drop
chain guard
  iifname . ether saddr != @mac drop
  ether type arp goto guard_arp
  ether type ip goto guard_ip4
  ether type ip6 goto guard_ip6
  ether type 0x8035 accept
  drop
chain guard_arp
  iifname . arp saddr ether != @mac drop
  iifname . arp saddr ip @addr4 accept
  iifname . arp saddr ip @net4 accept
  arp saddr ip 0.0.0.0 arp operation request iifname . arp daddr ip @addr4 accept
  drop
chain guard_ip4
  udp sport 67 drop
  iifname . ip saddr @addr4 accept
  iifname . ip saddr @net4 accept
  ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
  drop
chain guard_ip6
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  icmpv6 type nd-neighbor-advert jump guard_nd
  icmpv6 type nd-neighbor-solicit ip6 saddr :: jump guard_nd
  icmpv6 type nd-neighbor-solicit ip6 saddr :: accept
  icmpv6 type nd-router-solicit ip6 saddr :: accept
  icmpv6 type mld-listener-report ip6 saddr :: accept
  icmpv6 type mld2-listener-report ip6 saddr :: accept
  ip6 saddr @gateways drop
  ip6 saddr fe80::/10 accept
  iifname . ip6 saddr @addr6 accept
  iifname . ip6 saddr @net6 accept
  drop
chain guard_nd
  nd target @gateways drop
  nd target fe80::/10 return
  iifname . nd target @addr6 return
  iifname . nd target @net6 return
  drop
chain guard_mac
  iifname . ether saddr != @mac drop
  ether type arp goto guard_arp_mac
  ether type ip goto guard_ip4_mac
  ether type ip6 goto guard_ip6_mac
  ether type 0x8035 accept
  drop
chain guard_arp_mac
  iifname . arp saddr ether != @mac drop
  accept
chain guard_ip4_mac
  udp sport 67 drop
  accept
chain guard_ip6_mac
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  accept
chain guard_trunk
  iifname . ether saddr != @mac drop
  meta protocol 0x8100 drop
  meta protocol 0x88a8 drop
  ether type 0x88a8 drop
  ether daddr 01:80:c2:00:00:00 drop
  ether daddr 01:00:0c:cc:cc:cd drop
  udp sport 67 drop
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  accept
)";
}

namespace {

constexpr const char* kReject =
    "  meta l4proto tcp reject with tcp reset\n"
    "  reject with icmpx admin-prohibited\n";

// What every switch has: a set that it is in itself, and the sets in which its attachments leave their mark.
constexpr const char* kMarks = R"(table inet
set if-$ ifname
set at-$ ifname
)";
constexpr const char* kBridgeMarks = R"(table bridge
set at-$ ifname
)";
constexpr const char* kNetworks = R"(set net4-$ ipv4_addr interval
set net6-$ ipv6_addr interval
)";
constexpr const char* kUplink = "set up-$ ifname\n";

constexpr const char* kReplies = "  ct state established,related return\n";

// Every '$' becomes the switch's name.
std::string named(std::string text, const net::IfName& bridge) {
  for (std::size_t at = 0; (at = text.find('$', at)) != std::string::npos; at += bridge.str().size())
    text.replace(at, 1, bridge.str());
  return text;
}

// With `portIsolation` a pod does not reach its neighbours through the host either: what comes back to its own switch is refused as any
// other switch is.
std::string own_switch(const config::NetConf& conf) { return conf.port_isolation ? "" : "  oifname @if-$ return\n"; }

// Nor, on a network over many nodes, through the tunnel.
std::string not_to_own(const config::NetConf& conf) {
  if (!conf.port_isolation) return "";
  return "  oifname @if-$ meta l4proto tcp reject with tcp reset\n  oifname @if-$ reject with icmpx admin-prohibited\n";
}

std::string other_switches() {
  return "  oifname @switches meta l4proto tcp reject with tcp reset\n"
         "  oifname @switches reject with icmpx admin-prohibited\n";
}

// A pod that reaches itself or a neighbour by a published port must be answered through the host, not past it: it is masqueraded. By what is
// published, not by `ct status dnat` alone, which other hands' services have too; by its address, not by `iifname`, which br_netfilter
// leaves empty when it bridges what was translated. Whether this configuration publishes or not: of a network that has another one which does, the rules were emptied by a pod of this one.
constexpr const char* kOwnPorts =
    "chain hairpin-$\n"
    "  ip saddr 127.0.0.0/8 masquerade\n"
    "  ip saddr @net4-$ ct status dnat ip daddr . meta l4proto . th dport @target4 masquerade\n"
    "  ip6 saddr @net6-$ ct status dnat ip6 daddr . meta l4proto . th dport @target6 masquerade\n";

std::string only_by_uplink(const config::NetConf& conf, const std::string& direction) {
  if (!conf.uplink) return "";
  return "  " + direction + " != @up-$ meta l4proto tcp reject with tcp reset\n  " + direction +
         " != @up-$ reject with icmpx admin-prohibited\n";
}

// Empty when nothing leads there: a later configuration may fill or empty it.
std::string input_chain(const config::NetConf& conf) {
  const config::HostAccess& access = conf.host_access;
  std::string text = service_sets(conf) + "chain input-$\n";
  if (access.all) return text;
  text += kReplies;
  for (const char* type : {"nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit", "mld-listener-report",
                           "mld-listener-done", "mld2-listener-report"})
    text += "  icmpv6 type " + std::string(type) + " return\n";
  for (const config::PortRef& port : access.ports)
    text += "  " + port.protocol + " dport " + std::to_string(port.port) + " return\n";
  return text + service_input(conf) + kReject;
}

}  // namespace

std::string nat_text(const config::NetConf& conf) {
  std::string text = std::string(kMarks) + kNetworks + (conf.uplink ? kUplink : "") + direct_sets(conf);
  text += "chain leave-$\n" + own_switch(conf) + kReplies;
  text += "  ct state invalid drop\n";  // conntrack does not translate it: it would leave with the pod's own address
  text += "  ct status dnat return\n" + not_to_own(conf) + other_switches() + to_direct(conf) +
          only_by_uplink(conf, "oifname");
  text += "chain enter-$\n  iifname @if-$ return\n";  // what a pod sends back to its switch was judged when it left
  text += std::string(kReplies) + "  ct status dnat return\n" + from_direct(conf) + kReject;
  text += kOwnPorts;
  text += "chain masq-$\n  oifname @if-$ return\n" + to_direct(conf);
  text += R"(  ip daddr 224.0.0.0/4 return
  ip daddr 255.255.255.255 return
  ip daddr @net4-$ return
  ip6 daddr ff00::/8 return
  ip6 daddr @net6-$ return
  meta l4proto tcp masquerade to :1024-65535
  meta l4proto udp masquerade to :1024-65535
  masquerade
)";
  return named(text + input_chain(conf) + kBridgeMarks, conf.bridge);
}

std::string routed_text(const config::NetConf& conf) {
  std::string text = std::string(kMarks) + kNetworks + (conf.uplink ? kUplink : "") + direct_sets(conf);
  text += "chain leave-$\n" + own_switch(conf);
  text += "  ip saddr != @net4-$ drop\n  ip6 saddr != @net6-$ drop\n";
  text += std::string(kReplies) + "  ct state invalid drop\n  ct status dnat return\n";
  text += not_to_own(conf) + "  oifname @routed return\n" + other_switches() + to_direct(conf) +
          only_by_uplink(conf, "oifname");
  text += "chain enter-$\n  iifname @if-$ return\n" + std::string(kReplies) +
          "  ct status dnat return\n  iifname @routed return\n";
  text +=
      "  iifname @switches meta l4proto tcp reject with tcp reset\n  iifname @switches reject with icmpx "
      "admin-prohibited\n";
  text += from_direct(conf) + only_by_uplink(conf, "iifname");
  text += kOwnPorts;
  return named(text + input_chain(conf) + kBridgeMarks, conf.bridge);
}

std::string isolated_text(const config::NetConf& conf) {
  std::string text = kMarks;
  // Bridged frames come by here where br_netfilter is on.
  text += "chain leave-$\n  oifname @if-$ return\n" + std::string(kReject);
  text += "chain enter-$\n  iifname @if-$ return\n" + std::string(kReject);
  return named(text + input_chain(conf) + service_output(conf) + kBridgeMarks, conf.bridge);
}

std::string bridge_text(const config::NetConf& conf) { return named(std::string(kMarks) + kBridgeMarks, conf.bridge); }

std::string chained_text(const config::NetConf& conf) {
  return named(std::string(kMarks) + kNetworks + kOwnPorts + kBridgeMarks, conf.bridge);
}

}  // namespace trestle::modes
