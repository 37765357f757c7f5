// Networks that share a switch and its uplink, some with a VLAN.
#include <catch2/catch.hpp>

#include "vlan_world.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

// Network `name` on switch lan0 with these VLANs tagged, no addresses.
json trunk_conf(const std::string& name, int first, int last) {
  json conf = vlan_conf(10, {{"name", name}, {"vlanTrunk", {{{"minID", first}, {"maxID", last}}}}});
  conf.erase("vlan");
  conf.erase("ipam");
  return conf;
}

// Network "plain" on switch lan0: the untagged LAN.
json plain_conf() {
  json conf = vlan_conf(10, {{"name", "plain"}});
  conf.erase("vlan");
  conf["ipam"] = {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}};
  return conf;
}

bool checks(const Node& node, const Guest& guest, const json& conf) {
  const Answer answer = node.check(guest.pod(), guest.added(), conf);
  UNSCOPED_INFO(told(answer));
  return answer.ok();
}

}  // namespace

TEST_CASE("a network that goes takes only the VLANs that no other network names", "[vlan][shared]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10});
  node.settle();
  const json twin_conf = vlan_conf(10, {{"name", "twin"}}), wide = trunk_conf("wide", 20, 22);
  const Guest a(node, "a", vlan_conf(10)), b(node, "b", twin_conf), t(node, "t", wide), c(node, "c", vlan_conf(21));
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10,20,21,22");
  check_reaches(a.netns(), b.ip4(), a.ip4());
  c.leave();
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10,20,21,22");
  CHECK(checks(node, t, wide));
  a.leave();
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10,20,21,22");
  CHECK(checks(node, b, twin_conf));
  check_reaches(b.netns(), "10.10.0.1", b.ip4());
  CHECK(ping(lan.netns(), b.ip4()) == Reach::connected);
  t.leave();
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10");
  b.leave();
  CHECK(vlans_of("uplink0").empty());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a switch begins to filter VLANs under pods that have none: they stay in the untagged LAN",
          "[vlan][shared]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const bool plain_goes_first = GENERATE(true, false);
  CAPTURE(plain_goes_first);
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10});
  node.settle();
  const Guest plain(node, "p", plain_conf());
  CHECK(json::parse(must_run("ip -j -d link show lan0"))[0]["linkinfo"]["info_data"]["vlan_filtering"] == 0);
  check_reaches(plain.netns(), Lan::kOutside4, plain.ip4());
  const Guest a(node, "a", vlan_conf(10)), later(node, "l", plain_conf());
  check_reaches(plain.netns(), Lan::kOutside4, plain.ip4());
  check_reaches(plain.netns(), later.ip4(), plain.ip4());
  check_reaches(a.netns(), "10.10.0.1", a.ip4());
  REQUIRE(a.pod().exec("ip addr add 192.0.2.77/24 dev eth0").ok());
  CHECK(ping(a.netns(), plain.ip4(), 1000) != Reach::connected);
  REQUIRE(a.pod().exec("ip addr del 192.0.2.77/24 dev eth0").ok());
  CHECK(checks(node, plain, plain_conf()));
  CHECK(checks(node, a, vlan_conf(10)));
  if (plain_goes_first) {
    plain.leave();
    later.leave();
    check_reaches(a.netns(), "10.10.0.1", a.ip4());
    a.leave();
  } else {
    a.leave();
    CHECK(vlans_of("uplink0") == "1 PVID untagged");
    check_reaches(plain.netns(), Lan::kOutside4, plain.ip4());
    plain.leave();
    later.leave();
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("a bridge of the host's own that filters: pods are put into their VLAN, the bridge stays as it was",
          "[vlan][shared]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10});
  must_run(
      "ip link add br0 type bridge vlan_filtering 1 && echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad && ip link set "
      "br0 up && ip link set uplink0 master br0");
  must_run("bridge vlan add dev uplink0 vid 10");
  node.settle();
  json conf = vlan_conf(10, {{"bridge", "br0"}});
  conf.erase("uplink");
  CHECK(node.status(conf).ok());
  const Guest a(node, "a", conf);
  CHECK(vlans_of(a.host_link()) == "10 PVID untagged");
  check_reaches(a.netns(), "10.10.0.1", a.ip4());
  CHECK(ping(lan.netns(), a.ip4()) == Reach::connected);
  CHECK(checks(node, a, conf));
  a.leave();
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10");
  CHECK(vlans_of("br0") == "1 PVID untagged");
  CHECK(node.left() == kNothing);
}

TEST_CASE("VID 1 of the uplink is the host's own: a trunk of all VLANs, or VLAN 1, takes it from nobody", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const bool trunk_of_all = GENERATE(true, false);
  CAPTURE(trunk_of_all);
  Node node;
  const Lan lan(node.host());
  node.settle();
  json untagged = vlan_conf(1, {{"name", "untagged"}, {"uplink", {{"links", {"uplink0"}}, {"takeAddresses", true}}}});
  untagged.erase("vlan");
  untagged["ipam"] = {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}};
  json other = untagged;
  other["name"] = "other";
  other.erase("ipam");
  if (trunk_of_all)
    other["vlanTrunk"] = {{{"minID", 1}, {"maxID", 4094}}};
  else
    other["vlan"] = 1;
  const Guest a(node, "a", untagged), t(node, "t", other);
  const auto all_well = [&] {
    CHECK_THAT(vlans_of("uplink0"), Catch::StartsWith("1 PVID untagged"));
    CHECK(ping(node.host().netns(), Lan::kOutside4) == Reach::connected);
    CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
    CHECK(node.check(a.pod(), a.added(), untagged).ok());
  };
  all_well();
  t.leave();
  all_well();
  a.leave();
  CHECK(node.command({"uplink", "release", "lan0"}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("one subnet in two VLANs of one switch: each pod's MAC is known in its own", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10, 20});
  node.settle();
  json twice = vlan_conf(20);
  twice["ipam"] = vlan_conf(10)["ipam"];
  const Guest a(node, "a", vlan_conf(10)), b(node, "b", twice);
  CHECK(a.mac() == b.mac());
  CHECK(node.check(a.pod(), a.added(), vlan_conf(10)).ok());
  CHECK(node.check(b.pod(), b.added(), twice).ok());
  must_run("bridge fdb del " + a.mac() + " dev " + a.host_link() + " vlan 10 master");
  CHECK(node.check(a.pod(), a.added(), vlan_conf(10)).code() == 105);
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), vlan_conf(10)).ok());
  CHECK(node.check(b.pod(), b.added(), twice).ok());
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a trunk does not take an access pod's MAC from it, nor the other way round; CHECK sees each VLAN's entry",
          "[vlan][trunk]") {
  // The entry that a trunk has in each of its VLANs replaced the access pod's, whose port was locked: it was cut off, after the trunk's DEL too.
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10, 20});
  node.settle();
  const json access = vlan_conf(10);
  json tagging = trunk_conf("tagging", 10, 12);
  tagging["ipam"] = access["ipam"];
  const Guest a(node, "a", access), b(node, "b", tagging);
  CHECK(a.mac() != b.mac());
  CHECK(node.check(a.pod(), a.added(), access).ok());
  const auto with_mac = [](json conf, const std::string& mac) {
    conf["runtimeConfig"] = {{"mac", mac}};
    conf["capabilities"] = {{"mac", true}};
    return conf;
  };
  const Pod c("c");
  const Answer taken = node.add(c, with_mac(trunk_conf("tagging", 9, 10), a.mac()));
  CHECK_THAT(told(taken), Catch::Contains("MAC " + a.mac() + " is in VLAN 10 already, behind " + a.host_link()));
  const Answer back = node.add(c, with_mac(access, b.mac()));
  CHECK_THAT(told(back), Catch::Contains("MAC " + b.mac() + " is in VLAN 10 already, behind " + b.host_link()));
  CHECK(node.check(a.pod(), a.added(), access).ok());
  CHECK(node.check(b.pod(), b.added(), tagging).ok());
  must_run("bridge fdb del " + b.mac() + " dev " + b.host_link() + " vlan 11 master");
  CHECK_THAT(told(node.check(b.pod(), b.added(), tagging)), Catch::Contains("is gone from VLAN 11"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(b.pod(), b.added(), tagging).ok());
  leave_nothing(node, {&a, &b});
}
