// A VLAN where the switch itself has an address.
#include <catch2/catch.hpp>

#include "vlan_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("nat and routed on a VLAN: the switch's own address is in it, both families", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  Node node;
  const Lan lan(node.host());
  if (mode == "routed") {
    lan.route_to("10.88.0.0/16");
    lan.route_to("fd88::/64");
  }
  node.settle();
  const json conf = demo_with({{"mode", mode}, {"vlan", 10}});
  const Guest a(node, "a", conf), b(node, "b", conf);
  CHECK(vlans_of("trdemo") == "10 PVID untagged");
  CHECK(vlans_of(a.host_link()) == "10 PVID untagged");
  check_reaches(a.netns(), b.ip4(), a.ip4());
  check_reaches(a.netns(), b.ip6(), a.ip6());
  check_reaches(a.netns(), Lan::kOutside4, mode == "nat" ? Lan::kHost4 : a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, mode == "nat" ? Lan::kHost6 : a.ip6());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("bridge vlan del dev trdemo vid 10 self");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Contains("VLAN 10"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  leave_nothing(node, {&a, &b});
}

// A network without a VLAN lost its gateway, silently, to one with a VLAN that came later.
TEST_CASE("two networks with addresses on one switch must be in one VLAN, or both in none; else both are named",
          "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const auto [first, second] = GENERATE(table<json, json>({{10, 20}, {10, nullptr}, {nullptr, 10}}));
  CAPTURE(first, second);
  const auto on = [](json conf, const json& vid) {
    if (!vid.is_null()) conf["vlan"] = vid;
    return conf;
  };
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", on(demo_conf(), first));
  const Pod pod("b");
  const Answer refused =
      node.add(pod, on(other_conf("second", "", {{"subnets", {"10.89.0.0/16"}}, {"bridge", "trdemo"}}), second));
  CAPTURE(told(refused));
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused), Contains("'second'") && Contains("'demo'"));
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  leave_nothing(node, {&a});
}
