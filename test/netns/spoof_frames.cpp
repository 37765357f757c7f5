#include "spoof_frames.h"

#include <cstdint>

#include "support/frame.h"

namespace trestle::test {

namespace {

constexpr const char *kAll = "ff:ff:ff:ff:ff:ff", *kNobody = "00:00:00:00:00:00", *kStranger = "02:99:99:99:99:99";
constexpr const char *kAllNodes = "ff02::1", *kAllNodesMac = "33:33:00:00:00:01", *kAllRouters = "ff02::2",
                     *kAllRoutersMac = "33:33:00:00:00:02";
constexpr std::uint32_t kOverride = 0x20000000, kRouter = 0x80000000;
constexpr int kUdp = 17, kIcmp6 = 58, kHopByHop = 0, kFragment = 44, kDestination = 60, kSolicit = 135, kAdvert = 136;

using C = const Cast&;
using Text = const std::string&;

// --- Ethernet -----------------------------------------------------------------------------------------------------
std::string bytes(std::initializer_list<int> all) {
  std::string out;
  for (const int byte : all) out += static_cast<char>(byte);
  return out;
}
std::string tagged(int type, int vlan, const std::string& frame) {
  return frame.substr(0, 12) + bytes({type >> 8, type, vlan >> 8, vlan}) + frame.substr(12);
}
// The frame's payload behind an 802.3 length and the SNAP header of its own ethertype.
std::string snap(const std::string& frame) {
  const std::string inside = bytes({0xaa, 0xaa, 3, 0, 0, 0}) + frame.substr(12);
  return frame.substr(0, 12) + bytes({0, static_cast<int>(inside.size())}) + inside;
}

// --- IPv4 and IPv6 to somebody ------------------------------------------------------------------------------------
std::string v4(Text mac, Text from, const Party& to, int from_port = 4000, int to_port = 4000) {
  return ethernet(to.mac, mac, kEthIp4, ip4(from, to.ip4, kUdp, udp(from_port, to_port, "spoof")));
}
std::string v6(Text mac, Text from, const Party& to, int from_port = 4000, int to_port = 4000) {
  return ethernet(to.mac, mac, kEthIp6, ip6(from, to.ip6, kUdp, udp(from_port, to_port, "spoof")));
}
// BOOTP as far as the client's MAC. `client`: in whose name, "" in one's own.
std::string dhcp4(Text mac, Text from, Text to, int from_port, int to_port, Text client = "") {
  const std::string body = std::string(28, '\0') + mac_bytes(client.empty() ? mac : client) + std::string(202, '\0');
  return ethernet(kAll, mac, kEthIp4, ip4(from, to, kUdp, udp(from_port, to_port, body)));
}
// The second half of a datagram: no ports in it.
std::string rest4(Text mac, Text from, const Party& to) {
  std::string packet = ip4(from, to.ip4, kUdp, "the second half.");
  packet[7] = 4;  // offset, in units of 8
  set_checksum(packet, 10, 0);
  set_checksum(packet, 10, checksum(packet.substr(0, 20)));
  return ethernet(to.mac, mac, kEthIp4, packet);
}

// --- ARP ----------------------------------------------------------------------------------------------------------
std::string ask(Text ether, Text sender, Text sender_ip, Text target_ip) {
  return ethernet(kAll, ether, kEthArp, arp(1, sender, sender_ip, kNobody, target_ip));
}
std::string tell(const Party& to, Text ether, Text sender, Text sender_ip) {
  return ethernet(to.mac, ether, kEthArp, arp(2, sender, sender_ip, to.mac, to.ip4));
}

// --- ICMPv6 -------------------------------------------------------------------------------------------------------
std::string icmp6(Text mac, Text to_mac, Text from, Text to, const std::string& body) {
  return ethernet(to_mac, mac, kEthIp6, ip6(from, to, kIcmp6, body, 255));
}
std::string to_all(Text mac, Text from, const std::string& body) {
  return icmp6(mac, kAllNodesMac, from, kAllNodes, body);
}
std::string advert(C c, Text from, Text target, std::uint32_t flags = kOverride) {
  return to_all(c.self.mac, from, neighbour_message(kAdvert, flags, target, c.self.mac));
}
std::string detect(C c, Text target) { return to_all(c.self.mac, "::", neighbour_message(kSolicit, 0, target)); }
// The same body, checksum and all, behind an extension header of eight bytes.
std::string behind(int header, Text mac, Text from, const std::string& body) {
  const std::string message = ip6(from, kAllNodes, kIcmp6, body, 255).substr(40);
  return ethernet(kAllNodesMac, mac, kEthIp6,
                  ip6(from, kAllNodes, header, bytes({kIcmp6, 0, 1, 4, 0, 0, 0, 0}) + message, 255));
}
std::string piece(Text mac, Text from, Text to_mac, Text to, int protocol, int offset, bool more,
                  const std::string& part) {
  return ethernet(to_mac, mac, kEthIp6, ip6(from, to, kFragment, fragment6(protocol, offset, more, 7, part), 255));
}
std::string router(C c) { return router_advertisement(c.self.mac); }
std::string message_of(C c, const std::string& body) {
  return ip6(c.self.local, kAllNodes, kIcmp6, body, 255).substr(40);
}
std::string redirect(C c) {
  return bytes({137, 0, 0, 0, 0, 0, 0, 0}) + ip_bytes(c.self.local) + ip_bytes("2001:db8::1");
}
std::string solicit_router() { return bytes({133, 0, 0, 0, 0, 0, 0, 0}); }
// MLDv2: one group joined, behind the router alert that every MLD message has.
std::string joins(Text mac, Text from) {
  const std::string report =
      ip6(from, "ff02::16", kIcmp6, bytes({143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0}) + ip_bytes("ff02::1:ff00:2"), 1)
          .substr(40);
  return ethernet("33:33:00:00:00:16", mac, kEthIp6,
                  ip6(from, "ff02::16", kHopByHop, bytes({kIcmp6, 0, 5, 2, 0, 0, 1, 0}) + report, 1));
}

// A row is a line.
// clang-format off
const std::vector<Row> kRows = {
    // --- a pod may -----------------------------------------------------------------------------------------------
    {Fate::passes, "ARP request", [](C c) { return ask(c.self.mac, c.self.mac, c.self.ip4, c.other.ip4); }},
    {Fate::passes, "ARP reply", [](C c) { return tell(c.other, c.self.mac, c.self.mac, c.self.ip4); }},
    {Fate::passes, "ARP, gratuitous", [](C c) { return ask(c.self.mac, c.self.mac, c.self.ip4, c.self.ip4); }},
    {Fate::passes, "ARP probe for its own address", [](C c) { return ask(c.self.mac, c.self.mac, "0.0.0.0", c.self.ip4); }},
    {Fate::passes, "IPv4 to a neighbour", [](C c) { return v4(c.self.mac, c.self.ip4, c.other); }},
    {Fate::passes, "IPv4 to the gateway", [](C c) { return v4(c.self.mac, c.self.ip4, c.gateway); }},
    {Fate::passes, "IPv4, a later fragment", [](C c) { return rest4(c.self.mac, c.self.ip4, c.other); }, Kind::fragment},
    {Fate::passes, "IPv4 multicast", [](C c) { return ethernet("01:00:5e:00:00:fb", c.self.mac, kEthIp4, ip4(c.self.ip4, "224.0.0.251", kUdp, udp(5353, 5353, "mdns"))); }},
    {Fate::passes, "DHCPv4 discover", [](C c) { return dhcp4(c.self.mac, "0.0.0.0", "255.255.255.255", 68, 67); }},
    {Fate::passes, "DHCPv6 solicit", [](C c) { return ethernet("33:33:00:01:00:02", c.self.mac, kEthIp6, ip6(c.self.local, "ff02::1:2", kUdp, udp(546, 547, "solicit"))); }},
    {Fate::passes, "DAD for its own address", [](C c) { return detect(c, c.self.ip6); }},
    {Fate::passes, "DAD for its own link-local address", [](C c) { return detect(c, c.self.local); }},
    {Fate::passes, "NS for a neighbour", [](C c) { return to_all(c.self.mac, c.self.ip6, neighbour_message(kSolicit, 0, c.other.ip6, c.self.mac)); }},
    {Fate::passes, "NA of its own address", [](C c) { return advert(c, c.self.ip6, c.self.ip6); }},
    {Fate::passes, "NA of its own address, from link-local", [](C c) { return advert(c, c.self.local, c.self.ip6); }},
    {Fate::passes, "NA of its own link-local address", [](C c) { return advert(c, c.self.local, c.self.local); }},
    {Fate::passes, "MLD report, still without an address", [](C c) { return joins(c.self.mac, "::"); }},
    {Fate::passes, "MLD report", [](C c) { return joins(c.self.mac, c.self.local); }},
    {Fate::passes, "MLDv1 report, still without an address", [](C c) { return icmp6(c.self.mac, "33:33:ff:00:00:02", "::", "ff02::1:ff00:2", bytes({131, 0, 0, 0, 0, 0, 0, 0}) + ip_bytes("ff02::1:ff00:2")); }},
    {Fate::passes, "RS", [](C c) { return icmp6(c.self.mac, kAllRoutersMac, c.self.local, kAllRouters, solicit_router()); }},
    {Fate::passes, "RS, still without an address", [](C c) { return icmp6(c.self.mac, kAllRoutersMac, "::", kAllRouters, solicit_router()); }},
    {Fate::passes, "IPv6 to a neighbour", [](C c) { return v6(c.self.mac, c.self.ip6, c.other); }},
    {Fate::passes, "IPv6 from link-local", [](C c) { return v6(c.self.mac, c.self.local, c.other); }},
    {Fate::passes, "IPv6, a fragment to a neighbour", [](C c) { return piece(c.self.mac, c.self.ip6, c.other.mac, c.other.ip6, kUdp, 2, false, "the second half."); }, Kind::fragment},
    {Fate::passes, "RARP, as a migrated guest's host sends it", [](C c) { return ethernet(kAll, c.self.mac, 0x8035, arp(3, c.self.mac, "0.0.0.0", c.self.mac, "0.0.0.0")); }},

    // --- somebody else's MAC -------------------------------------------------------------------------------------
    {Fate::dropped, "IPv4 with a neighbour's MAC", [](C c) { return v4(c.other.mac, c.self.ip4, c.gateway); }},
    {Fate::dropped, "IPv4 with the gateway's MAC", [](C c) { return v4(c.gateway.mac, c.self.ip4, c.other); }},
    {Fate::dropped, "IPv4 with a stranger's MAC", [](C c) { return v4(kStranger, c.self.ip4, c.other); }},
    {Fate::dropped, "IPv6 with a stranger's MAC", [](C c) { return v6(kStranger, c.self.ip6, c.other); }},
    {Fate::dropped, "ARP with a stranger's MAC", [](C c) { return ask(kStranger, c.self.mac, c.self.ip4, c.other.ip4); }},
    {Fate::dropped, "RARP with a stranger's MAC", [](C) { return ethernet(kAll, kStranger, 0x8035, arp(3, kStranger, "0.0.0.0", kStranger, "0.0.0.0")); }},

    // --- somebody else's IPv4 address ----------------------------------------------------------------------------
    {Fate::dropped, "IPv4 from a neighbour's address", [](C c) { return v4(c.self.mac, c.other.ip4, c.gateway); }},
    {Fate::dropped, "IPv4 from the gateway's address", [](C c) { return v4(c.self.mac, c.gateway.ip4, c.other); }},
    {Fate::dropped, "IPv4 from an outside address", [](C c) { return v4(c.self.mac, "192.0.2.1", c.other); }},
    {Fate::dropped, "IPv4 from 0.0.0.0 but no DHCP", [](C c) { return v4(c.self.mac, "0.0.0.0", c.other); }},
    {Fate::dropped, "a later fragment from a neighbour's address", [](C c) { return rest4(c.self.mac, c.other.ip4, c.gateway); }, Kind::fragment},

    // --- ARP poisoning -------------------------------------------------------------------------------------------
    {Fate::dropped, "ARP reply for a neighbour's address", [](C c) { return tell(c.gateway, c.self.mac, c.self.mac, c.other.ip4); }},
    {Fate::dropped, "ARP request from a neighbour's address", [](C c) { return ask(c.self.mac, c.self.mac, c.other.ip4, c.gateway.ip4); }},
    {Fate::dropped, "ARP reply for the gateway's address", [](C c) { return tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4); }},
    {Fate::dropped, "ARP, gratuitous, for the gateway's address", [](C c) { return ask(c.self.mac, c.self.mac, c.gateway.ip4, c.gateway.ip4); }},
    {Fate::dropped, "ARP reply with another MAC inside", [](C c) { return tell(c.other, c.self.mac, c.gateway.mac, c.self.ip4); }},
    {Fate::dropped, "ARP probe for a neighbour's address", [](C c) { return ask(c.self.mac, c.self.mac, "0.0.0.0", c.other.ip4); }},
    {Fate::dropped, "ARP probe for the gateway's address", [](C c) { return ask(c.self.mac, c.self.mac, "0.0.0.0", c.gateway.ip4); }},
    {Fate::dropped, "ARP probe with another MAC inside", [](C c) { return ask(c.self.mac, kStranger, "0.0.0.0", c.self.ip4); }},
    {Fate::dropped, "ARP reply from 0.0.0.0", [](C c) { return ethernet(kAll, c.self.mac, kEthArp, arp(2, c.self.mac, "0.0.0.0", c.other.mac, c.self.ip4)); }},
    {Fate::dropped, "ARP of the gateway's address as IEEE 802 hardware", [](C c) { std::string frame = tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4); frame[15] = 6; return frame; }},

    // --- somebody else's IPv6 address ----------------------------------------------------------------------------
    {Fate::dropped, "IPv6 from a neighbour's address", [](C c) { return v6(c.self.mac, c.other.ip6, c.gateway); }},
    {Fate::dropped, "IPv6 from the gateway's address", [](C c) { return v6(c.self.mac, c.gateway.ip6, c.other); }},
    {Fate::dropped, "IPv6 from the gateway's link-local address", [](C c) { return v6(c.self.mac, c.gateway.local, c.other); }},
    {Fate::dropped, "IPv6 from an outside address", [](C c) { return v6(c.self.mac, "2001:db8::1", c.other); }},
    {Fate::dropped, "IPv6 from :: but no ND", [](C c) { return v6(c.self.mac, "::", c.other); }},

    // --- neighbour discovery -------------------------------------------------------------------------------------
    {Fate::dropped, "NA for a neighbour's address", [](C c) { return advert(c, c.self.ip6, c.other.ip6); }},
    {Fate::dropped, "NA for the gateway's address", [](C c) { return advert(c, c.self.local, c.gateway.ip6, kOverride | kRouter); }},
    {Fate::dropped, "NA for the gateway's link-local address", [](C c) { return advert(c, c.self.local, c.gateway.local, kOverride | kRouter); }},
    {Fate::dropped, "NA behind a hop-by-hop header, for the gateway's address", [](C c) { return behind(kHopByHop, c.self.mac, c.self.local, neighbour_message(kAdvert, kOverride, c.gateway.ip6, c.self.mac)); }},
    {Fate::dropped, "NS from the gateway's link-local address", [](C c) { return to_all(c.self.mac, c.gateway.local, neighbour_message(kSolicit, 0, c.other.ip6, c.self.mac)); }},
    {Fate::dropped, "DAD for a neighbour's address", [](C c) { return detect(c, c.other.ip6); }},
    {Fate::dropped, "DAD for the gateway's address", [](C c) { return detect(c, c.gateway.ip6); }},
    {Fate::dropped, "DAD for the gateway's link-local address", [](C c) { return detect(c, c.gateway.local); }},
    {Fate::dropped, "redirect", [](C c) { return icmp6(c.self.mac, c.other.mac, c.self.local, c.other.ip6, redirect(c)); }},
    {Fate::dropped, "redirect from the gateway's link-local address", [](C c) { return icmp6(c.self.mac, c.other.mac, c.gateway.local, c.other.ip6, redirect(c)); }},
    {Fate::dropped, "RA", [](C c) { return to_all(c.self.mac, c.self.local, router(c)); }},
    {Fate::dropped, "RA from the gateway's link-local address", [](C c) { return to_all(c.self.mac, c.gateway.local, router(c)); }},
    {Fate::dropped, "RA to one neighbour", [](C c) { return icmp6(c.self.mac, c.other.mac, c.self.local, c.other.ip6, router(c)); }},
    {Fate::dropped, "RA behind a hop-by-hop header", [](C c) { return behind(kHopByHop, c.self.mac, c.self.local, router(c)); }},
    {Fate::dropped, "RA behind a destination header", [](C c) { return behind(kDestination, c.self.mac, c.self.local, router(c)); }},
    {Fate::dropped, "RA in an atomic fragment", [](C c) { return piece(c.self.mac, c.self.local, kAllNodesMac, kAllNodes, kIcmp6, 0, false, message_of(c, router(c))); }, Kind::fragment},
    {Fate::dropped, "a fragment to all, its own address notwithstanding", [](C c) { return piece(c.self.mac, c.self.ip6, kAllNodesMac, kAllNodes, kDestination, 1, false, message_of(c, router(c))); }, Kind::fragment},
    {Fate::dropped, "a fragment to a link-local address, its own notwithstanding", [](C c) { return piece(c.self.mac, c.self.ip6, c.other.mac, c.other.local, kDestination, 1, false, message_of(c, router(c))); }, Kind::fragment},
    {Fate::dropped, "RA split, its first piece without ICMPv6", [](C c) { return piece(c.self.mac, c.self.local, kAllNodesMac, kAllNodes, kDestination, 0, true, bytes({kIcmp6, 0, 1, 4, 0, 0, 0, 0})); }, Kind::fragment},
    {Fate::dropped, "RA split, its second piece", [](C c) { return piece(c.self.mac, c.self.local, kAllNodesMac, kAllNodes, kDestination, 1, false, message_of(c, router(c))); }, Kind::fragment},
    {Fate::dropped, "RA split, its second piece to one neighbour", [](C c) { return piece(c.self.mac, c.self.local, c.other.mac, c.other.ip6, kDestination, 1, false, message_of(c, router(c))); }, Kind::fragment},

    // --- a server of its own -------------------------------------------------------------------------------------
    {Fate::dropped, "DHCPv4 offer", [](C c) { return dhcp4(c.self.mac, c.self.ip4, "255.255.255.255", 67, 68); }},
    {Fate::dropped, "DHCPv4 offer to one neighbour", [](C c) { return v4(c.self.mac, c.self.ip4, c.other, 67, 68); }},
    {Fate::dropped, "DHCPv4 decline in a neighbour's name", [](C c) { return dhcp4(c.self.mac, "0.0.0.0", "255.255.255.255", 68, 67, c.other.mac); }},
    {Fate::dropped, "DHCPv4 release in a neighbour's name", [](C c) { return dhcp4(c.self.mac, c.self.ip4, c.gateway.ip4, 68, 67, c.other.mac); }},
    {Fate::dropped, "DHCPv4 too short to say in whose name", [](C c) { return ethernet(kAll, c.self.mac, kEthIp4, ip4("0.0.0.0", "255.255.255.255", kUdp, udp(68, 67, "BOOTP"))); }},
    {Fate::passes, "DHCPv4 renewal", [](C c) { return dhcp4(c.self.mac, c.self.ip4, c.gateway.ip4, 68, 67); }},
    {Fate::dropped, "DHCPv4 offer from another port", [](C c) { return dhcp4(c.self.mac, c.self.ip4, "255.255.255.255", 6767, 68); }},
    {Fate::dropped, "DHCPv4 offer from another port to one neighbour", [](C c) { return v4(c.self.mac, c.self.ip4, c.other, 6767, 68); }},
    {Fate::dropped, "DHCPv4 offer from the gateway's address", [](C c) { return dhcp4(c.self.mac, c.gateway.ip4, "255.255.255.255", 67, 68); }},
    {Fate::dropped, "DHCPv6 advertise", [](C c) { return v6(c.self.mac, c.self.local, c.other, 547, 546); }},
    {Fate::dropped, "DHCPv6 advertise from another port", [](C c) { return v6(c.self.mac, c.self.local, c.other, 6547, 546); }},
    {Fate::dropped, "DHCPv6 advertise from its global address", [](C c) { return v6(c.self.mac, c.self.ip6, c.other, 547, 546); }},

    // --- what hides the rest -------------------------------------------------------------------------------------
    {Fate::dropped, "VLAN tag", [](C c) { return tagged(kEthVlan, 5, ask(c.self.mac, c.self.mac, c.gateway.ip4, c.gateway.ip4)); }},
    {Fate::dropped, "priority tag, ARP of the gateway's address", [](C c) { return tagged(kEthVlan, 0, tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4)); }},
    {Fate::dropped, "priority tag, honest IPv4", [](C c) { return tagged(kEthVlan, 0, v4(c.self.mac, c.self.ip4, c.other)); }},
    {Fate::dropped, "two VLAN tags", [](C c) { return tagged(0x88a8, 5, tagged(kEthVlan, 6, tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4))); }},
    {Fate::dropped, "LLC-SNAP with ARP", [](C c) { return snap(tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4)); }},
    {Fate::dropped, "LLC-SNAP with an RA", [](C c) { return snap(to_all(c.self.mac, c.self.local, router(c))); }},
    {Fate::dropped, "VLAN tag and LLC-SNAP", [](C c) { return tagged(kEthVlan, 0, snap(tell(c.other, c.self.mac, c.self.mac, c.gateway.ip4))); }},
    {Fate::dropped, "PPPoE discovery", [](C c) { return ethernet(kAll, c.self.mac, 0x8863, bytes({0x11, 9, 0, 0, 0, 0})); }},
    {Fate::dropped, "PPPoE session", [](C c) { return ethernet(c.other.mac, c.self.mac, 0x8864, bytes({0x11, 0, 0, 1, 0, 2, 0, 0x21})); }},
    {Fate::dropped, "MPLS", [](C c) { return ethernet(c.other.mac, c.self.mac, 0x8847, bytes({0, 1, 1, 64}) + ip4(c.other.ip4, c.gateway.ip4, kUdp, udp(1, 2, "x"))); }},
    {Fate::dropped, "an unknown ethertype", [](C c) { return ethernet(c.other.mac, c.self.mac, 0x88b5, "local experiment"); }},
    {Fate::dropped, "STP BPDU", [](C c) { return ethernet("01:80:c2:00:00:00", c.self.mac, 38, bytes({0x42, 0x42, 3, 0, 0, 0, 0, 0}) + std::string(30, '\0')); }},
    {Fate::dropped, "LLDP", [](C c) { return ethernet("01:80:c2:00:00:0e", c.self.mac, 0x88cc, bytes({2, 7, 4, 1, 2, 3, 4, 5, 6})); }, Kind::port},
    {Fate::dropped, "EAPOL", [](C c) { return ethernet("01:80:c2:00:00:03", c.self.mac, 0x888e, bytes({1, 1, 0, 0})); }, Kind::port},
};
// clang-format on

}  // namespace

const std::vector<Row>& spoof_rows() { return kRows; }

}  // namespace trestle::test
