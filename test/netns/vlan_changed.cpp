// What other hands do to a switch that filters VLANs, to the VLAN that the host itself lives in, and to the NIC below.
#include <catch2/catch.hpp>

#include "vlan_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// The switch's network without a VLAN: the LAN's own, untagged; the host lives there.
json untagged() {
  json conf = vlan_conf(10, {{"name", "plain"}, {"uplink", {{"links", {"uplink0"}}, {"takeAddresses", true}}}});
  conf.erase("vlan");
  conf["ipam"] = {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}};
  return conf;
}

}  // namespace

TEST_CASE("VID 1, in which the host and every pod without a VLAN live: its loss is told, and mended",
          "[vlan][changed]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", untagged());
  const Guest b(node, "b", vlan_conf(10, {{"uplink", untagged().at("uplink")}}));
  REQUIRE(ping(a.netns(), Lan::kOutside4) == Reach::connected);
  struct Change {
    std::string command, says;
  };
  const std::string gone = "VLAN 1 is not its untagged one";
  const Change changes[] = {
      {"bridge vlan del dev uplink0 vid 1", "host:uplink0: uplink of lan0: " + gone},
      {"bridge vlan del dev lan0 vid 1 self", "of lan0 itself, where the host lives now, " + gone},
      {"bridge vlan del dev " + a.host_link() + " vid 1", gone},
      {"bridge vlan add dev " + a.host_link() + " vid 1", gone}};  // no PVID any more
  for (const Change& change : changes) {
    CAPTURE(change.command);
    must_run(change.command);
    const Answer checked = node.check(a.pod(), a.added(), untagged());
    CHECK(checked.code() == 105);
    const std::string details = checked.json.value("details", "");
    CHECK_THAT(details, Contains(change.says));
    CHECK(details.find('\n') == std::string::npos);
    const Ran repaired = node.command({"repair"});
    CAPTURE(repaired.out, repaired.err);
    CHECK(repaired.ok());
    CHECK(told(node.check(a.pod(), a.added(), untagged())) == "0 ");
    CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
    CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
    CHECK(vlans_of(b.host_link()) == "10 PVID untagged");
    CHECK(vlans_of("uplink0") == "1 PVID untagged,10");
  }
  // A switch that gives new ports no VLAN.
  must_run("ip link set lan0 type bridge vlan_default_pvid 0");
  const Guest c(node, "c", untagged());
  CHECK(ping(c.netns(), Lan::kOutside4) == Reach::connected);
  CHECK(node.command({"repair"}).ok());
  CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
  CHECK(vlans_of(b.host_link()) == "10 PVID untagged");
  for (const Guest* guest : {&a, &b, &c}) guest->leave();
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a VLAN interface of the host's takes the VLAN away from the switch: refused, and told", "[vlan][changed]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10});
  node.settle();
  const std::string own = "ip link add link uplink0 name host0 type vlan id ";
  must_run(own + "10 && ip link set host0 up");
  const std::string says = "VLAN 10 is taken by the host's own host0 before the switch sees it";
  const Pod pod("b");
  const Answer unfit = node.status(vlan_conf(10)), refused = node.add(pod, vlan_conf(10));
  CHECK(unfit.code() == 50);
  CHECK_THAT(told(unfit), Contains(says));
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains(says));
  must_run("ip link del host0");
  CHECK(node.left() == kNothing);
  must_run(own + "11");  // another VLAN may be the host's
  const Guest a(node, "a", vlan_conf(10));
  check_reaches(a.netns(), "10.10.0.1", a.ip4());
  must_run("ip link del host0 && " + own + "10 && ip link set host0 up");
  CHECK_THAT(told(node.check(a.pod(), a.added(), vlan_conf(10))), Contains(says));
  const Answer impaired = node.status(vlan_conf(10));
  CHECK(impaired.code() == 51);
  must_run("ip link del host0");
  CHECK(node.check(a.pod(), a.added(), vlan_conf(10)).ok());
  leave_nothing(node, {&a});
}

TEST_CASE("a NIC that its owner gave to his own bridge keeps its VLANs there when the network goes",
          "[vlan][changed]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {});
  node.settle();
  const Guest a(node, "a", vlan_conf(42));
  must_run(
      "ip link add br9 type bridge vlan_filtering 1 && ip link set uplink0 master br9 && "
      "bridge vlan add dev uplink0 vid 7 && bridge vlan add dev uplink0 vid 42");
  a.leave();
  CHECK(vlans_of("uplink0") == "1 PVID untagged,7,42");
  must_run("ip link set uplink0 nomaster && ip link del br9");
  CHECK(node.left() == kNothing);
}
