// Which way a pod with several NICs answers.
#include <catch2/catch.hpp>

#include "multi_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Lines that the pod has of a default route in the main table.
std::string defaults(const Pod& pod) { return pod.exec("ip route show default; ip -6 route show default").out; }

}  // namespace

TEST_CASE("replies leave by the NIC that the request came in on, both families", "[multi][routes]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  lan.route_to("10.91.0.0/24");
  lan.route_to("fd91::/64");
  const Guest a(node, "a", multi_conf({routed_nic()}));
  CHECK_THAT(defaults(a.pod()), Contains("10.88.0.1 dev eth0") && Contains("fd88::1 dev eth0") && !Contains("eth1"));
  for (const char family : {'.', ':'}) {
    const std::string there = address_of(a.added(), "eth1", family);
    CAPTURE(there);
    CHECK(ping(lan.netns(), there) == Reach::connected);
    CHECK(tcp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
    CHECK(udp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
  }
  leave_nothing(node, {&a});
}

TEST_CASE("without sourceRouting the main table answers, which leads elsewhere", "[multi][routes]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  lan.route_to("10.91.0.0/24");
  json nic = routed_nic();
  nic["sourceRouting"] = false;
  const Guest a(node, "a", multi_conf({nic}));
  CHECK_THAT(a.pod().must_exec("ip rule"), !Contains("10.91.0.2"));
  CHECK(ping(lan.netns(), address_of(a.added(), "eth1", '.'), 500) != Reach::connected);
  leave_nothing(node, {&a});
}

TEST_CASE("the default route is where defaultRoute says", "[multi][routes]") {
  Node node;
  json nic = routed_nic();
  nic["defaultRoute"] = true;
  const Guest a(node, "a", multi_conf({nic}));
  CHECK_THAT(defaults(a.pod()), Contains("10.91.0.1 dev eth1") && Contains("fd91::1 dev eth1") && !Contains("eth0"));
  CHECK_THAT(a.added().json.at("routes").dump(), Contains("10.91.0.1") && !Contains("10.88.0.1"));
  leave_nothing(node, {&a});
}

TEST_CASE("two NICs on one switch: each address has its own MAC, whichever is asked for", "[multi][routes]") {
  Node node;
  const Guest a(node, "a", multi_conf({same_switch_nic()})), b(node, "b");
  for (const std::string nic : {"eth0", "eth1"})
    for (const char family : {'.', ':'}) {
      const std::string there = address_of(a.added(), nic, family);
      CAPTURE(there);
      CHECK(ping(b.netns(), there) == Reach::connected);
      const std::string known = b.pod().must_exec("ip neigh show " + there);
      const auto at = known.find("lladdr ");
      REQUIRE(at != std::string::npos);
      CHECK_THAT(a.pod().must_exec("ip link show dev " + nic), Contains(known.substr(at + 7, 17)));
    }
  leave_nothing(node, {&a, &b});
}
