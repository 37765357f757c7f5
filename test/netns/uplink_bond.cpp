// Several NICs as one uplink.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// A second NIC on the same LAN: the wires' far ends are ports of one bridge there.
void second_nic(const Lan& lan, int mtu = 1500) {
  make_wire("uplink1", "far1");
  must_run("ip link set uplink1 mtu " + std::to_string(mtu) + " && ip link set far1 mtu " + std::to_string(mtu) +
           " && ip link set far1 netns /proc/" + std::to_string(::getpid()) + "/fd/" +
           std::to_string(lan.netns().get()));
}

void bridge_far_ends(const Lan& lan, int mtu = 1500) {
  const std::string command = "ip link add seg mtu " + std::to_string(mtu) +
                              " type bridge && ip link set seg up && ip addr flush dev eth0 && "
                              "ip link set eth0 master seg && ip link set far1 master seg up && "
                              "ip addr add 192.0.2.1/24 dev seg && ip addr add 2001:db8::1/64 dev seg nodad";
  REQUIRE(lan.exec(command).ok());
}

int mtu_of(const std::string& link) { return json::parse(must_run("ip -j link show " + link))[0].at("mtu"); }

// Not one byte may be cut from a frame of the LAN's size. A bond that lost a NIC needs a moment, and so does the LAN to hear of it.
bool reaches_whole(const trestle::base::Fd& from, int mtu) {
  const Inside inside(from);
  const std::string once = "ping -c 1 -W 2 -M do -s " + std::to_string(mtu - 28) + " " + Lan::kOutside4;
  return run("for i in 1 2 3 4 5; do " + once + " && exit 0; done; exit 1").ok();
}

}  // namespace

TEST_CASE("a bond of ours: made with the network, one member may fail, gone with the last pod", "[uplink][bond]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  const bool taking = GENERATE(false, true);
  CAPTURE(taking);
  Node node;
  const Lan lan(node.host());
  second_nic(lan);
  bridge_far_ends(lan);
  if (!taking) must_run("ip addr flush dev uplink0 scope global && ip -6 route flush dev uplink0 proto boot");
  node.settle();
  const std::string before = host_state();
  const json conf =
      lan_conf({{"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}, {"takeAddresses", taking}}}});
  const Guest a(node, "a", conf);
  CHECK(a.added().json.at("interfaces").at(0).at("mac") ==
        json::parse(must_run("ip -j link show trdemo"))[0].at("address"));
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  if (taking) check_host_lives(lan);
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("ip link set uplink0 down");
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  must_run("ip link set uplink0 up");
  must_run("ip link set uplink1 nomaster");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Contains("uplink1 is no member"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  a.leave();
  if (taking) {
    check_host_lives(lan);
    const Ran released = node.command({"uplink", "release"});
    CAPTURE(released.out, released.err);
    CHECK(released.ok());
    check_host_lives(lan);
    CHECK(host_state() == before);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("a bond of jumbo NICs carries what its pods send, and goes on without one that is pulled", "[uplink][bond]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  constexpr int kJumbo = 9000;
  Node node;
  const Lan lan(node.host(), kJumbo);
  second_nic(lan, kJumbo);
  bridge_far_ends(lan, kJumbo);
  must_run("ip addr flush dev uplink0 scope global && ip -6 route flush dev uplink0 proto boot");
  node.settle();
  const json conf = lan_conf({{"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}}}});
  const Guest a(node, "a", conf);
  // It was born with 1500, and gave that to its members, below a switch and pods of 9000.
  for (const char* nic : {"uplink0", "uplink1", "trdemo"}) CHECK(mtu_of(nic) == kJumbo);
  CHECK(reaches_whole(a.netns(), kJumbo));
  // Pulled: every further ADD on the node was refused.
  must_run("ip link del uplink1");
  const Pod pod("b");
  const Answer added = node.must_add(pod, conf);
  CHECK_THAT(added.err, Contains("goes on without uplink1"));
  CHECK(reaches_whole(a.netns(), kJumbo));
  CHECK_THAT(told(node.check(pod, added, conf)), Contains("uplink1 is gone"));
  const Answer impaired = node.status(conf);
  CHECK(impaired.code() == 51);
  CHECK_THAT(told(impaired), Contains("uplink1 is gone"));
  const Ran repaired = node.command({"repair"});
  CHECK_THAT(repaired.out + repaired.err, Contains("uplink1 is gone"));
  must_run("nft flush ruleset");
  node.must_del(pod, conf);
  // A node that comes up with one of the two.
  a.leave();
  CHECK_FALSE(run("ip link show trdemo").ok());
  const Guest c(node, "c", conf);
  CHECK(reaches_whole(c.netns(), kJumbo));
  // It is plugged in again, and the next ADD has it.
  second_nic(lan, kJumbo);
  REQUIRE(lan.exec("ip link set far1 master seg up").ok());
  const Guest d(node, "d", conf);
  CHECK(node.check(d.pod(), d.added(), conf).ok());
  must_run("ip link set uplink0 down");
  CHECK(reaches_whole(d.netns(), kJumbo));
  must_run("ip link set uplink0 up");
  d.leave();
  c.leave();
  for (const char* nic : {"uplink0", "uplink1"}) CHECK(mtu_of(nic) == kJumbo);
}

TEST_CASE("two networks, one with a bond and one with a plain uplink: neither takes a NIC from the other",
          "[uplink][bond]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  Node node;
  const Lan lan(node.host());
  second_nic(lan);
  bridge_far_ends(lan);
  make_wire("uplink2", "far2");
  must_run("ip addr flush dev uplink0 scope global && ip -6 route flush dev uplink0 proto boot");
  node.settle();
  const json plain = lan_conf({{"name", "plain"}, {"bridge", "tra"}, {"uplink", "uplink0"}});
  const auto bonded = [](const char* first, const char* second) {
    const json ranges = {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.150"}, {"gateway", Lan::kOutside4}}}};
    return lan_conf({{"name", "bonded"},
                     {"bridge", "trb"},
                     {"ipam", {{"ranges", ranges}}},
                     {"uplink", {{"links", {first, second}}, {"bond", "active-backup"}}}});
  };
  const Guest a(node, "a", plain);
  REQUIRE(ping(a.netns(), Lan::kOutside4) == Reach::connected);
  // It was refused only after the bond had taken the NIC, and the first network was cut off until `trestle repair`.
  const Pod pod("b");
  const Answer refused = node.add(pod, bonded("uplink0", "uplink1"));
  CAPTURE(told(refused));
  CHECK(refused.code() == 103);
  CHECK(ping(a.netns(), Lan::kOutside4, 1000) == Reach::connected);
  CHECK(node.check(a.pod(), a.added(), plain).ok());
  {
    const Guest c(node, "c", bonded("uplink1", "uplink2"));
    CHECK(ping(c.netns(), Lan::kOutside4) == Reach::connected);
    // The other way round.
    CHECK(node.add(pod, lan_conf({{"name", "third"}, {"bridge", "trc"}, {"uplink", "uplink1"}})).code() == 103);
    CHECK(node.check(c.pod(), c.added(), bonded("uplink1", "uplink2")).ok());
    a.leave();
    CHECK(ping(c.netns(), Lan::kOutside4, 1000) == Reach::connected);
    c.leave();
  }
  CHECK(node.left() == kNothing);
}
