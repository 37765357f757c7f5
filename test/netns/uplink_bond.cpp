// Several NICs as one uplink.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// A second NIC on the same LAN: the wires' far ends are ports of one bridge there.
void second_nic(const Lan& lan) {
  make_wire("uplink1", "far1");
  must_run("ip link set far1 netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(lan.netns().get()));
}

}  // namespace

TEST_CASE("a bond of ours: made with the network, one member may fail, gone with the last pod", "[uplink][bond]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  const bool taking = GENERATE(false, true);
  CAPTURE(taking);
  Node node;
  const Lan lan(node.host());
  second_nic(lan);
  for (const char* command : {"ip link add seg type bridge", "ip link set seg up", "ip addr flush dev eth0",
                              "ip link set eth0 master seg", "ip link set far1 master seg", "ip link set far1 up",
                              "ip addr add 192.0.2.1/24 dev seg", "ip addr add 2001:db8::1/64 dev seg nodad"})
    REQUIRE(lan.exec(command).ok());
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
