#include "modes/rules_text.h"

#include <vector>

namespace trestle::modes {

// Links are named through sets and maps only, so that one static rule serves every switch and every pod: a packet's cost does not grow
// with their number. A packet gets a verdict for the switch it leaves *and* for the one it enters: an accept from one side alone
// leaks from isolated to routed networks (vm.md 1.1). Hence `return` where others write `accept`.
std::string tables_text() {
  return R"(table inet
set switches ifname
map leave ifname : verdict
map enter ifname : verdict
map input ifname : verdict
map masq ifname : verdict
chain forward filter forward -10
  iifname vmap @leave
  oifname vmap @enter
chain input filter input -10
  iifname vmap @input
chain postrouting nat postrouting 100
  iifname vmap @masq
table bridge
set ports ifname
set mac ifname . ether_addr
set addr4 ifname . ipv4_addr
set addr6 ifname . ipv6_addr
set gateways ipv6_addr
chain prerouting filter prerouting -300
  iifname @ports goto guard
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
  arp saddr ip 0.0.0.0 arp operation request iifname . arp daddr ip @addr4 accept
  drop
chain guard_ip4
  udp sport 67 drop
  iifname . ip saddr @addr4 accept
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
  drop
chain guard_nd
  nd target @gateways drop
  nd target fe80::/10 return
  iifname . nd target @addr6 return
  drop
)";
}

std::string nat_text(const net::IfName& bridge, const config::HostAccess& host_access) {
  const std::string& sw = bridge.str();
  std::string text =
      "table inet\n"
      "set if-" +
      sw +
      " ifname\n"
      "set at-" +
      sw +
      " ifname\n"
      "set net4-" +
      sw +
      " ipv4_addr interval\n"
      "set net6-" +
      sw +
      " ipv6_addr interval\n"
      "chain leave-" +
      sw +
      "\n"
      "  oifname @if-" +
      sw +
      " return\n"
      "  ct state established,related return\n"
      "  ct state invalid drop\n"  // conntrack does not translate it: it would leave with the pod's own address
      "  ct status dnat return\n"
      "  oifname @switches meta l4proto tcp reject with tcp reset\n"
      "  oifname @switches reject with icmpx admin-prohibited\n"
      "chain enter-" +
      sw +
      "\n"
      "  iifname @if-" +
      sw +
      " return\n"
      "  ct state established,related return\n"
      "  ct status dnat return\n"
      "  meta l4proto tcp reject with tcp reset\n"
      "  reject with icmpx admin-prohibited\n"
      "chain masq-" +
      sw +
      "\n"
      "  oifname @if-" +
      sw +
      " return\n"
      "  ip daddr 224.0.0.0/4 return\n"
      "  ip daddr 255.255.255.255 return\n"
      "  ip daddr @net4-" +
      sw +
      " return\n"
      "  ip6 daddr ff00::/8 return\n"
      "  ip6 daddr @net6-" +
      sw +
      " return\n"
      "  meta l4proto tcp masquerade to :1024-65535\n"
      "  meta l4proto udp masquerade to :1024-65535\n"
      "  masquerade\n";
  text += "chain input-" + sw + "\n";  // empty when nothing leads there: a later configuration may fill or empty it
  if (!host_access.all) {
    text +=
        "  ct state established,related return\n"
        "  icmpv6 type nd-neighbor-solicit return\n"
        "  icmpv6 type nd-neighbor-advert return\n"
        "  icmpv6 type nd-router-solicit return\n"
        "  icmpv6 type mld-listener-report return\n"
        "  icmpv6 type mld-listener-done return\n"
        "  icmpv6 type mld2-listener-report return\n";
    for (const config::PortRef& port : host_access.ports)
      text += "  " + port.protocol + " dport " + std::to_string(port.port) + " return\n";
    text +=
        "  meta l4proto tcp reject with tcp reset\n"
        "  reject with icmpx admin-prohibited\n";
  }
  text +=
      "table bridge\n"
      "set at-" +
      sw + " ifname\n";
  return text;
}

}  // namespace trestle::modes
