// The guard: what a pod can make another pod, or the host, see. One table of frames (spoof_frames.cpp), sent from the pod's eth0 as they are.
#include <algorithm>
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "spoof_frames.h"
#include "spoof_stage.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle;
using namespace trestle::test;

namespace {

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
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
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

TEST_CASE("two pods that share a MAC (VRRP) can both take it, and CHECK is quiet about either", "[spoof][modes]") {
  // The second pod's static FDB entry took the MAC from the first, whose CHECK failed and whose locked port never got it back.
  const Node node;
  set_bridge_nf(false);
  const std::string vrrp = "02:00:5e:00:01:07";
  const auto conf = demo_with({{"allowedMACs", {vrrp}}, {"allowedAddresses", {"10.88.9.9"}}});
  const Guest self(node, "self", conf), other(node, "other", conf);
  for (const auto& [from, to] : {std::pair{&self, &other}, std::pair{&other, &self}}) {
    Stage stage(node, *from, *to);
    const Party& neighbour = stage.cast().other;
    CHECK(stage.arrives(
        ethernet(neighbour.mac, vrrp, kEthIp4, ip4("10.88.9.9", neighbour.ip4, 17, udp(4000, 4000, "the master")))));
    const Answer checked = node.check(from->pod(), from->added(), conf);
    CAPTURE(told(checked));
    CHECK(checked.ok());
  }
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
