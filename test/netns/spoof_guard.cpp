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
  Stage(const Node& node, const Guest& self, const Guest& other)
      : cast_{party(self), party(other), party("trdemo")},
        self_(self.netns(), "eth0"),
        other_(other.netns(), "eth0"),
        host_(node.host().netns(), "trdemo") {}

  const Cast& cast() const { return cast_; }

  // Does the frame get anywhere?
  bool arrives(const std::string& frame) {
    return_home();
    self_.send(frame);
    // Frames do not overtake each other: when this harmless one is there, the other was or never comes.
    const std::string last = ethernet("ff:ff:ff:ff:ff:ff", cast_.self.mac, kEthArp,
                                      arp(1, cast_.self.mac, cast_.self.ip4, "00:00:00:00:00:00", next_target()));
    self_.send(last);
    const bool neighbour = comes(other_, frame, last), host = comes(host_, frame, last);
    return neighbour || host;
  }

 private:
  // A frame with the neighbour's MAC, where nothing stops it, draws the switch's idea of the neighbour to the wrong port.
  void return_home() {
    const std::string here = ethernet("ff:ff:ff:ff:ff:ff", cast_.other.mac, kEthArp,
                                      arp(1, cast_.other.mac, cast_.other.ip4, "00:00:00:00:00:00", next_target()));
    other_.send(here);
    REQUIRE(host_.wait([&](const Frame& seen) { return is_same(here, seen.bytes); }, 2000));
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
