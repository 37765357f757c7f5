// The same frames in every mode: on the LAN, isolated, without leases, on a trunk, behind another plugin's bridge.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string_view>

#include "chained_conf.h"
#include "nat_guest.h"
#include "spoof_frames.h"
#include "spoof_stage.h"
#include "support/frame.h"

using namespace trestle;
using namespace trestle::test;
using nlohmann::json;

namespace {

// Where the host is no gateway its link-local address is nobody's, and a pod may not be refused what it does not take from anybody.
bool speaks_for_the_gateway(const std::string& frame, const Cast& cast) {
  return frame.find(ip_bytes(cast.gateway.local)) != std::string::npos;
}

// What only leases tell: without them a pod is held to its MAC, and to being no server and no router.
constexpr std::string_view kByAddress[] = {
    "IPv4 from a neighbour's address",
    "IPv4 from the gateway's address",
    "IPv4 from an outside address",
    "IPv4 from 0.0.0.0 but no DHCP",
    "a later fragment from a neighbour's address",
    "ARP reply for a neighbour's address",
    "ARP request from a neighbour's address",
    "ARP reply for the gateway's address",
    "ARP, gratuitous, for the gateway's address",
    "ARP probe for a neighbour's address",
    "ARP probe for the gateway's address",
    "ARP reply from 0.0.0.0",
    "ARP of the gateway's address as IEEE 802 hardware",
    "IPv6 from a neighbour's address",
    "IPv6 from the gateway's address",
    "IPv6 from the gateway's link-local address",
    "IPv6 from an outside address",
    "IPv6 from :: but no ND",
    "NA for a neighbour's address",
    "NA for the gateway's address",
    "NA for the gateway's link-local address",
    "NA behind a hop-by-hop header, for the gateway's address",
    "NS from the gateway's link-local address",
    "DAD for a neighbour's address",
    "DAD for the gateway's address",
    "DAD for the gateway's link-local address",
};
// What belongs to a trunk besides: other protocols, ARP for those behind the pod, a tag of VLAN 0.
constexpr std::string_view kByAccess[] = {
    "ARP reply with another MAC inside",
    "ARP probe with another MAC inside",
    "priority tag, ARP of the gateway's address",
    "priority tag, honest IPv4",
    "LLC-SNAP with ARP",
    "LLC-SNAP with an RA",
    "VLAN tag and LLC-SNAP",
    "PPPoE discovery",
    "PPPoE session",
    "MPLS",
    "an unknown ethertype",
};
template <std::size_t N>
bool is_in(const std::string_view (&list)[N], const Row& row) {
  return std::find(std::begin(list), std::end(list), row.what) != std::end(list);
}

json on_lan(json members) {
  members["mode"] = "bridge";
  members["uplink"] = "uplink1";
  return demo_with(members);
}

void plug_in(Node& node) {
  must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
  make_wire("uplink1", "far1");
  node.settle();
}

std::string in_vlan(int vlan, const std::string& frame) {
  const char tag[] = {'\x81', '\0', static_cast<char>(vlan >> 8), static_cast<char>(vlan & 0xff)};
  return frame.substr(0, 12) + std::string(tag, sizeof tag) + frame.substr(12);
}

// Two pods, both families, behind Debian's bridge.
json dual_bridge() {
  return {{"type", "bridge"},
          {"bridge", "cbr0"},
          {"isGateway", true},
          {"ipam",
           {{"type", "host-local"},
            {"dataDir", "/run/host-local"},
            {"ranges", {{{{"subnet", "10.88.0.0/16"}}}, {{{"subnet", "fd88::/64"}}}}}}}};
}

Party party(const json& result) {
  Party out;
  for (const json& ip : result.at("ips")) {
    const std::string address = ip.at("address");
    (address.find(':') == address.npos ? out.ip4 : out.ip6) = address.substr(0, address.find('/'));
  }
  for (const json& interface : result.at("interfaces"))
    if (!interface.value("sandbox", "").empty()) out.mac = interface.at("mac");
  out.local = local_of(out.mac);
  return out;
}

}  // namespace

TEST_CASE("a pod speaks for itself alone in every mode", "[spoof][modes]") {
  const std::string mode = GENERATE("routed", "isolated", "bridge");
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(mode, bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  plug_in(node);
  auto conf = demo_with({{"mode", mode}});
  if (mode == "bridge") conf["uplink"] = "uplink1";
  const Guest self(node, "self", conf), other(node, "other", conf);
  Stage stage(node, self, other, mode != "isolated");
  for (const Row& row : spoof_rows()) {
    if (bridge_nf && row.kind == Kind::fragment && row.fate == Fate::passes) continue;
    const std::string frame = row.frame(stage.cast());
    if (mode != "routed" && speaks_for_the_gateway(frame, stage.cast())) continue;
    // A frame to the host itself: there is none on this switch, and the neighbour does not get what is not for it.
    if (mode == "isolated" && row.fate == Fate::passes && frame.starts_with(mac_bytes(stage.cast().gateway.mac)))
      continue;
    CAPTURE(row.what);
    CHECK(stage.arrives(frame) == (row.fate == Fate::passes));
  }
  self.leave();
  other.leave();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}

TEST_CASE("a pod without leases still cannot take another's MAC, be a router or serve DHCP", "[spoof][modes]") {
  Node node;
  set_bridge_nf(false);
  plug_in(node);
  json conf = on_lan(json::object());
  conf.erase("subnets");
  const Guest self(node, "self", conf), other(node, "other", conf);
  const auto by_hand = [](const Guest& guest, int number) {
    const std::string n = std::to_string(number);
    guest.pod().must_exec("ip addr add 10.88.0." + n + "/16 dev eth0");
    return Party{guest.mac(), "10.88.0." + n, "fd88::" + n, local_of(guest.mac())};
  };
  Stage stage({by_hand(self, 2), by_hand(other, 3), demo_gateway()},
              {&self.netns(), &other.netns(), &node.host().netns()});
  for (const Row& row : spoof_rows()) {
    CAPTURE(row.what);
    CHECK(stage.arrives(row.frame(stage.cast())) == (row.fate == Fate::passes || is_in(kByAddress, row)));
  }
  leave_nothing(node, {&self, &other});
}

TEST_CASE("on a trunk a pod keeps to its MACs and VLANs, and is no router and no DHCP server in any",
          "[spoof][modes]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const bool leases = GENERATE(false, true);
  CAPTURE(leases);
  Node node;
  set_bridge_nf(false);
  plug_in(node);
  json conf = on_lan({{"vlan", 42}, {"vlanTrunk", {{{"id", 100}}}}});
  if (!leases) conf.erase("subnets");
  const Guest self(node, "self", conf), other(node, "other", conf);
  const auto number = [](const Guest& guest, int n) {
    const std::string text = std::to_string(n);
    return Party{guest.mac(), "10.88.0." + text, "fd88::" + text, local_of(guest.mac())};
  };
  Stage stage({number(self, 2), number(other, 3), demo_gateway()},
              {&self.netns(), &other.netns(), &node.host().netns(), "trdemo", false});
  for (const Row& row : spoof_rows()) {
    CAPTURE(row.what);
    const std::string frame = row.frame(stage.cast());
    const bool passes = row.fate == Fate::passes || is_in(kByAddress, row) || is_in(kByAccess, row);
    CHECK(stage.arrives(frame) == passes);
    const bool inner_tag = std::string_view(row.what).find("tag") != std::string_view::npos;
    CHECK(stage.arrives(in_vlan(100, frame)) == (passes && !inner_tag));
    CHECK_FALSE(stage.arrives(in_vlan(101, frame)));
  }
  leave_nothing(node, {&self, &other});
}

TEST_CASE("behind Debian's bridge a pod speaks for itself alone", "[spoof][modes][chained]") {
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  Node node;
  set_bridge_nf(false);
  const Pod self("self"), other("other");
  Chain chain(node, {dual_bridge(), behind()}), neighbour(node, {dual_bridge(), behind()});
  const Party one = party(chain.must_add(self)), two = party(neighbour.must_add(other));
  std::string mac = must_run("cat /sys/class/net/cbr0/address");
  mac.pop_back();
  const Party gateway{mac, "10.88.0.1", "fd88::1", local_of(mac)};
  Stage stage({one, two, gateway}, {&self.netns(), &other.netns(), &node.host().netns(), "cbr0"});
  for (const Row& row : spoof_rows()) {
    const std::string frame = row.frame(stage.cast());
    if (speaks_for_the_gateway(frame, stage.cast())) continue;  // trestle does not know whether that bridge is a router
    CAPTURE(row.what);
    CHECK(stage.arrives(frame) == (row.fate == Fate::passes));
  }
  chain.must_del(self);
  neighbour.must_del(other);
  run("ip link del cbr0; rm -rf /run/host-local; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}
