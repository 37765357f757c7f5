// The guard: what a pod can make another pod, or the host, see. One table of frames (spoof_frames.cpp), sent from the pod's eth0 as they are.
#include <algorithm>
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "net/mac.h"
#include "net/names.h"
#include "spoof_frames.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle;
using namespace trestle::test;

namespace {

std::string local_of(const std::string& mac) { return net::link_local(net::Mac::parse(mac)).str(); }
Party party(const Guest& guest) { return {guest.mac(), guest.ip4(), guest.ip6(), local_of(guest.mac())}; }
Party party(const std::string& bridge) {
  const net::Mac mac = net::switch_mac(net::IfName::parse(bridge));
  return {mac.str(), "10.88.0.1", "fd88::1", net::link_local(mac).str()};
}

// Is `seen` the frame that was sent? On its way the kernel may have cut what is behind the packet, or taken VLAN tags out (they then travel
// beside the bytes).
bool is_same(std::string sent, const std::string& seen) {
  for (;;) {
    const std::size_t common = std::min(sent.size(), seen.size());
    if (common > 20 && sent.compare(0, common, seen, 0, common) == 0) return true;
    const std::string type = sent.substr(12, 2);
    if (type != std::string("\x81\0", 2) && type != "\x88\xa8") return false;
    sent.erase(12, 4);
  }
}

// A switch with two pods and an ear on the far sides of the first: the neighbour's eth0, and the switch as the host sees it.
class Stage {
 public:
  // `host_listens`: on an isolated switch the host hears nothing, harmless or not.
  Stage(const Node& node, const Guest& self, const Guest& other, bool host_listens = true)
      : cast_{party(self), party(other), party("trdemo")},
        self_(self.netns(), "eth0"),
        other_(other.netns(), "eth0"),
        host_(node.host().netns(), "trdemo"),
        host_listens_(host_listens) {}

  const Cast& cast() const { return cast_; }

  // Does the frame get anywhere?
  bool arrives(const std::string& frame) {
    return_home();
    self_.send(frame);
    // Frames do not overtake each other: when this harmless one is there, the other was or never comes.
    const std::string last = ethernet("ff:ff:ff:ff:ff:ff", cast_.self.mac, kEthArp,
                                      arp(1, cast_.self.mac, cast_.self.ip4, "00:00:00:00:00:00", next_target()));
    self_.send(last);
    const bool neighbour = comes(other_, frame, last);
    if (host_listens_) return comes(host_, frame, last) || neighbour;
    CHECK_FALSE(host_.wait([](const Frame& seen) { return !seen.outgoing; }, 0));
    return neighbour;
  }

 private:
  // A frame with the neighbour's MAC, where nothing stops it, draws the switch's idea of the neighbour to the wrong port.
  void return_home() {
    const std::string here = ethernet("ff:ff:ff:ff:ff:ff", cast_.other.mac, kEthArp,
                                      arp(1, cast_.other.mac, cast_.other.ip4, "00:00:00:00:00:00", next_target()));
    other_.send(here);
    REQUIRE((host_listens_ ? host_ : self_).wait([&](const Frame& seen) { return is_same(here, seen.bytes); }, 2000));
    self_.forget();
    other_.forget();
    host_.forget();
  }

  static bool comes(Wire& wire, const std::string& frame, const std::string& last) {
    bool came = false;
    const auto ended = wire.wait(
        [&](const Frame& seen) {
          came = came || (!seen.outgoing && is_same(frame, seen.bytes));
          return !seen.outgoing && is_same(last, seen.bytes);
        },
        2000);
    REQUIRE(ended);
    return came;
  }

  std::string next_target() {
    ++number_;
    return "10.88.200." + std::to_string(number_ % 250 + 1);
  }

  Cast cast_;
  Wire self_, other_, host_;
  bool host_listens_;
  int number_ = 0;
};

void run_table(Stage& stage, bool bridge_nf = false) {
  for (const Row& row : spoof_rows()) {
    if (bridge_nf && row.kind == Kind::fragment && row.fate == Fate::passes) continue;
    CAPTURE(row.what);
    CHECK(stage.arrives(row.frame(stage.cast())) == (row.fate == Fate::passes));
  }
}

}  // namespace

TEST_CASE("a pod speaks for itself alone", "[spoof]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  const Node node;
  SKIP_IF(!set_bridge_nf(bridge_nf) && bridge_nf, "no br_netfilter");
  const Guest self(node, "self"), other(node, "other");
  const Echo host(node.host().netns(), kEcho);
  Stage stage(node, self, other);
  run_table(stage, bridge_nf);
  // Nor has anything of it left a trace.
  check_reaches(other.netns(), self.ip4(), other.ip4());
  check_reaches(other.netns(), "fd88::1", other.ip6());
  leave_nothing(node, {&self, &other});
}

TEST_CASE("after a flushed ruleset and `trestle repair` the guard is whole again", "[spoof][repair]") {
  const Node node;
  set_bridge_nf(false);
  const Guest self(node, "self"), other(node, "other");
  Stage stage(node, self, other);
  must_run("nft flush ruleset");
  const auto& rows = spoof_rows();
  const auto ra = std::find_if(rows.begin(), rows.end(), [](const Row& row) { return row.what == std::string("RA"); });
  REQUIRE(ra != rows.end());
  CHECK(stage.arrives(ra->frame(stage.cast())));
  const Ran repaired = node.command({"repair"});
  CAPTURE(repaired.out, repaired.err);
  REQUIRE(repaired.ok());
  run_table(stage);
  leave_nothing(node, {&self, &other});
}

TEST_CASE("a guard that the next ADD finds flushed is whole again for all pods", "[spoof][repair]") {
  const Node node;
  set_bridge_nf(false);
  const Guest self(node, "self"), other(node, "other");
  must_run("nft flush ruleset");
  const Guest next(node, "next");
  Stage stage(node, self, next);
  run_table(stage);
  leave_nothing(node, {&self, &other, &next});
}

TEST_CASE("the guard of one pod outlives its neighbours", "[spoof]") {
  const Node node;
  set_bridge_nf(false);
  const Guest self(node, "self"), other(node, "other");
  for (const char* name : {"third", "fourth"}) Guest(node, name).leave();
  Stage stage(node, self, other);
  run_table(stage);
  leave_nothing(node, {&self, &other});
}

// Where the host is no gateway its link-local address is nobody's, and a pod may not be refused what it does not take from anybody.
bool speaks_for_the_gateway(const std::string& frame, const Cast& cast) {
  return frame.find(ip_bytes(cast.gateway.local)) != std::string::npos;
}

TEST_CASE("a pod speaks for itself alone in every mode", "[spoof][modes]") {
  const std::string mode = GENERATE("routed", "isolated", "bridge");
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(mode, bridge_nf);
  Node node;
  SKIP_IF(!set_bridge_nf(bridge_nf) && bridge_nf, "no br_netfilter");
  must_run("ip link add uplink1 type veth peer name far1 && ip link set uplink1 up && ip link set far1 up");
  node.settle();
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

TEST_CASE("a pod without addresses of ours still cannot take another's MAC or serve DHCP and RA", "[spoof][modes]") {
  Node node;
  set_bridge_nf(false);
  must_run("ip link add uplink1 type veth peer name far1 && ip link set uplink1 up && ip link set far1 up");
  node.settle();
  auto conf = demo_with({{"mode", "bridge"}, {"uplink", "uplink1"}});
  conf.erase("subnets");
  const Guest self(node, "self", conf), other(node, "other", conf);
  Wire from(self.netns(), "eth0"), to(other.netns(), "eth0");
  const std::string mine = self.mac(), local = local_of(mine), all = "ff:ff:ff:ff:ff:ff",
                    stranger = "02:99:99:99:99:99";
  const auto reaches = [&](const std::string& frame) {
    to.forget();
    from.send(frame);
    const std::string last =
        ethernet(all, mine, kEthArp, arp(1, mine, "192.0.2.50", "00:00:00:00:00:00", "192.0.2.51"));
    from.send(last);
    bool came = false;
    REQUIRE(to.wait(
        [&](const Frame& seen) {
          came = came || is_same(frame, seen.bytes);
          return is_same(last, seen.bytes);
        },
        2000));
    return came;
  };
  const auto dhcp = [&](int from_port, int to_port) {
    return ethernet(all, mine, kEthIp4, ip4("192.0.2.50", "255.255.255.255", 17, udp(from_port, to_port, "BOOTP")));
  };
  CHECK(reaches(ethernet(all, mine, kEthIp4, ip4("192.0.2.50", "192.0.2.51", 17, udp(4000, 4000, "any address")))));
  CHECK(reaches(dhcp(68, 67)));
  CHECK_FALSE(reaches(dhcp(67, 68)));
  CHECK_FALSE(reaches(ethernet(all, stranger, kEthIp4, ip4("192.0.2.50", "192.0.2.51", 17, udp(4000, 4000, "spoof")))));
  CHECK_FALSE(reaches(ethernet(all, mine, kEthArp, arp(2, stranger, "192.0.2.50", mine, "192.0.2.51"))));
  CHECK_FALSE(reaches(
      ethernet("33:33:00:00:00:01", mine, kEthIp6, ip6(local, "ff02::1", 58, router_advertisement(mine), 255))));
  CHECK_FALSE(reaches(ethernet(
      all, mine, kEthVlan, std::string("\0\x07\x08\0", 4) + ip4("192.0.2.50", "192.0.2.51", 17, udp(1, 1, "tag")))));
  leave_nothing(node, {&self, &other});
}

TEST_CASE("allowedMACs and allowedAddresses widen the guard by just that", "[spoof][modes]") {
  const Node node;
  set_bridge_nf(false);
  const std::string vrrp = "02:00:5e:00:01:07";
  const auto conf =
      demo_with({{"allowedMACs", {vrrp}}, {"allowedAddresses", {"10.88.9.9", "10.99.0.0/16", "fd99::/64"}}});
  const Guest self(node, "self", conf), other(node, "other");
  Stage stage(node, self, other);
  const Party &me = stage.cast().self, &neighbour = stage.cast().other;
  const auto v4 = [&](const std::string& mac, const std::string& from) {
    return ethernet(neighbour.mac, mac, kEthIp4, ip4(from, neighbour.ip4, 17, udp(4000, 4000, "allowed?")));
  };
  const auto v6 = [&](const std::string& from) {
    return ethernet(neighbour.mac, me.mac, kEthIp6, ip6(from, neighbour.ip6, 17, udp(4000, 4000, "allowed?")));
  };
  for (const char* address : {"10.88.9.9", "10.99.0.0", "10.99.255.255"}) {
    CAPTURE(address);
    CHECK(stage.arrives(v4(me.mac, address)));
    CHECK(stage.arrives(v4(vrrp, address)));
  }
  CHECK(stage.arrives(v6("fd99::7")));
  CHECK(stage.arrives(
      ethernet("ff:ff:ff:ff:ff:ff", me.mac, kEthArp, arp(1, me.mac, "10.99.7.7", "00:00:00:00:00:00", neighbour.ip4))));
  for (const char* address : {"10.88.9.10", "10.98.255.255", "10.100.0.0"})
    CHECK_FALSE(stage.arrives(v4(me.mac, address)));
  CHECK_FALSE(stage.arrives(v4("02:00:5e:00:01:08", me.ip4)));
  CHECK_FALSE(stage.arrives(v6("fd98::7")));
  run_table(stage);
  const Answer checked = node.check(self.pod(), self.added(), conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  leave_nothing(node, {&self, &other});
}

TEST_CASE("a flushed ruleset leaves the guard of the MAC, which is the port's own", "[spoof]") {
  const Node node;
  set_bridge_nf(false);
  const Guest self(node, "self"), other(node, "other");
  Stage stage(node, self, other);
  must_run("nft flush ruleset");
  const std::string payload = ip4(self.ip4(), other.ip4(), 17, udp(4000, 4000, "spoof"));
  CHECK(stage.arrives(ethernet(other.mac(), self.mac(), kEthIp4, payload)));
  CHECK_FALSE(stage.arrives(ethernet(other.mac(), "02:99:99:99:99:99", kEthIp4, payload)));
  CHECK_FALSE(stage.arrives(ethernet(other.mac(), stage.cast().gateway.mac, kEthIp4, payload)));
  leave_nothing(node, {&self, &other});
}

// What the cases above stand against: without a guard every frame of the table is delivered, so a silence there is the guard's doing.
TEST_CASE("with spoofCheck false a pod sends what it likes", "[spoof]") {
  const Node node;
  set_bridge_nf(false);
  const auto conf = demo_with({{"spoofCheck", false}});
  const Guest self(node, "self", conf), other(node, "other", conf);
  Stage stage(node, self, other);
  for (const Row& row : spoof_rows()) {
    CAPTURE(row.what);
    CHECK(stage.arrives(row.frame(stage.cast())) == (row.kind != Kind::port));
  }
  leave_nothing(node, {&self, &other});
}
