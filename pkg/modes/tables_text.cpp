// What all switches share.
#include "modes/rules_text.h"

namespace trestle::modes {

// Links are named through sets and maps only, so that one static rule serves every switch and every pod: a packet's cost does not grow
// with their number. A packet gets a verdict for the switch it leaves *and* for the one it enters: an accept from one side alone
// leaks from isolated to routed networks (vm.md 1.1). Hence `return` where others write `accept`.
// Published ports are elements of maps; only what is sent to the host's own addresses is led on (CVE-2025-67499: the reference took any
// address's traffic to such a port). With route_localnet a neighbour could name 127.0.0.1 in a frame, and reach what is published to the
// host alone: CVE-2020-8558; `martians` drops it before it is translated.
// Fragments from fe80::/10 are dropped besides those to it: an RA, in pieces to a neighbour's global address, is put together there and
// believed. No client looks at the port that a DHCP server answers from, so what is sent *to* clients is dropped too; and to a server each speaks for its own
// MAC alone: a DECLINE in a neighbour's name took his address for ten minutes. On a trunk a tag inside of a tag would be the wire's only one where the outer VLAN leaves untagged: a way into any VLAN; and a
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
set theirs6 ifname . ipv6_addr
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
  udp dport 68 drop
  udp dport 67 jump guard_dhcp
  iifname . ip saddr @addr4 accept
  iifname . ip saddr @net4 accept
  ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
  drop
chain guard_dhcp
  iifname . dhcp chaddr @mac return
  drop
chain guard_ip6
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  udp dport 546 drop
  icmpv6 type nd-neighbor-advert jump guard_nd
  icmpv6 type nd-neighbor-solicit ip6 saddr :: jump guard_nd
  icmpv6 type nd-neighbor-solicit ip6 saddr :: accept
  icmpv6 type nd-router-solicit ip6 saddr :: accept
  icmpv6 type mld-listener-report ip6 saddr :: accept
  icmpv6 type mld2-listener-report ip6 saddr :: accept
  ip6 saddr @gateways drop
  iifname . ip6 saddr @theirs6 drop
  ip6 saddr fe80::/10 accept
  iifname . ip6 saddr @addr6 accept
  iifname . ip6 saddr @net6 accept
  drop
chain guard_nd
  nd target @gateways drop
  iifname . nd target @theirs6 drop
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
  udp dport 68 drop
  udp dport 67 jump guard_dhcp
  accept
chain guard_ip6_mac
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  udp dport 546 drop
  accept
chain guard_trunk
  iifname . ether saddr != @mac drop
  meta protocol 0x8100 drop
  meta protocol 0x88a8 drop
  ether type 0x88a8 drop
  ether daddr 01:80:c2:00:00:00 drop
  ether daddr 01:00:0c:cc:cc:cd drop
  udp sport 67 drop
  udp dport 68 drop
  udp dport 67 jump guard_dhcp
  ip6 daddr fe80::/10 exthdr frag exists drop
  ip6 daddr ff00::/8 exthdr frag exists drop
  ip6 saddr fe80::/10 exthdr frag exists drop
  icmpv6 type nd-router-advert drop
  icmpv6 type nd-redirect drop
  udp sport 547 drop
  udp dport 546 drop
  accept
)";
}

}  // namespace trestle::modes
