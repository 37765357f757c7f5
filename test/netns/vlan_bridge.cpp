// Pods in VLANs of the LAN.
#include <catch2/catch.hpp>

#include "support/wire.h"
#include "vlan_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("one network per VLAN on one switch, in every order of coming and going", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const bool first_goes_first = GENERATE(true, false);
  CAPTURE(first_goes_first);
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10, 20});
  node.settle();
  const Guest a(node, "a", vlan_conf(10)), b(node, "b", vlan_conf(20)), c(node, "c", vlan_conf(10));
  CHECK(json::parse(must_run("ip -j -d link show lan0"))[0]["linkinfo"]["info_data"]["vlan_filtering"] == 1);
  CHECK(vlans_of(a.host_link()) == "10 PVID untagged");
  CHECK(vlans_of(b.host_link()) == "20 PVID untagged");
  CHECK(vlans_of("uplink0") == "1 PVID untagged,10,20");
  // Tagged on the wire: the LAN's own VLAN NICs answer.
  check_reaches(a.netns(), "10.10.0.1", a.ip4());
  check_reaches(b.netns(), "10.20.0.1", b.ip4());
  check_reaches(a.netns(), c.ip4(), a.ip4());
  // The other VLAN is not reached, whatever address a pod takes.
  REQUIRE(b.pod().exec("ip addr add 10.10.0.99/24 dev eth0").ok());
  CHECK(ping(b.netns(), "10.10.0.1", 1000) != Reach::connected);
  CHECK(ping(b.netns(), a.ip4(), 1000) != Reach::connected);
  REQUIRE(b.pod().exec("ip addr del 10.10.0.99/24 dev eth0").ok());
  for (const auto& [guest, vid] : {std::pair{&a, 10}, {&b, 20}, {&c, 10}}) {
    const Answer checked = node.check(guest->pod(), guest->added(), vlan_conf(vid));
    CAPTURE(told(checked));
    CHECK(checked.ok());
  }
  if (first_goes_first) {
    a.leave();
    c.leave();
    CHECK(vlans_of("uplink0") == "1 PVID untagged,20");
    check_reaches(b.netns(), "10.20.0.1", b.ip4());
    b.leave();
  } else {
    b.leave();
    CHECK(vlans_of("uplink0") == "1 PVID untagged,10");
    check_reaches(a.netns(), "10.10.0.1", a.ip4());
    a.leave();
    c.leave();
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("VLANs: CHECK names what another hand took away, repair mends it", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  struct Change {
    std::string command, says;
  };
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10});
  node.settle();
  const Guest a(node, "a", vlan_conf(10));
  const Change changes[] = {{"bridge vlan del dev " + a.host_link() + " vid 10", "VLAN 10"},
                            {"bridge vlan add dev " + a.host_link() + " vid 1", "VLAN 1 is there"},
                            {"bridge vlan del dev uplink0 vid 10", "VLAN 10"},
                            {"ip link set lan0 type bridge vlan_filtering 0", "lan0"}};
  for (const Change& change : changes) {
    CAPTURE(change.command);
    must_run(change.command);
    const Answer checked = node.check(a.pod(), a.added(), vlan_conf(10));
    CHECK(checked.code() == 105);
    CHECK_THAT(told(checked), Contains(change.says));
    const Ran repaired = node.command({"repair"});
    CAPTURE(repaired.out, repaired.err);
    CHECK(repaired.ok());
    CHECK(node.check(a.pod(), a.added(), vlan_conf(10)).ok());
    check_reaches(a.netns(), "10.10.0.1", a.ip4());
  }
  leave_nothing(node, {&a});
}

TEST_CASE("vlanTrunk: the pod tags for itself, within its ranges; the default VLAN only when kept", "[vlan]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  const bool keep = GENERATE(false, true);
  CAPTURE(keep);
  Node node;
  const Lan lan(node.host());
  const Trunk trunk(lan, {10, 31, 40});
  node.settle();
  json conf = vlan_conf(10, {{"name", "trunk"},
                             {"vlanTrunk", {{{"id", 20}}, {{"minID", 30}, {"maxID", 32}}}},
                             {"preserveDefaultVlan", keep}});
  conf.erase("vlan");
  conf.erase("ipam");
  const Guest a(node, "a", conf);
  CHECK(vlans_of(a.host_link()) == (keep ? "1 PVID untagged,20,30,31,32" : "20,30,31,32"));
  CHECK(vlans_of("uplink0") == "1 PVID untagged,20,30,31,32");
  for (const char* vid : {"31", "40"})
    REQUIRE(a.pod()
                .exec(std::string("ip link add link eth0 name v") + vid + " type vlan id " + vid + " && ip link set v" +
                      vid + " up && ip addr add 10." + vid + ".0.50/24 dev v" + vid)
                .ok());
  CHECK(ping(a.netns(), "10.31.0.1") == Reach::connected);
  CHECK(ping(a.netns(), "10.40.0.1", 1000) != Reach::connected);
  REQUIRE(a.pod().exec("ip addr add 192.0.2.50/24 dev eth0").ok());
  CHECK((ping(a.netns(), Lan::kOutside4, keep ? 3000 : 1000) == Reach::connected) == keep);
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  leave_nothing(node, {&a});
}

TEST_CASE("takeAddresses on a switch with VLANs: the host stays in the untagged LAN, pods are in theirs",
          "[vlan][uplink]") {
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Lan lan(node.host());
  REQUIRE(
      lan.exec(
             "ip link add link eth0 name v10 type vlan id 10 && ip link set v10 up && ip addr add 10.10.0.1/24 dev v10")
          .ok());
  node.settle();
  const Guest a(node, "a", vlan_conf(10, {{"uplink", {{"links", {"uplink0"}}, {"takeAddresses", true}}}}));
  CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
  CHECK(ping(lan.netns(), Lan::kHost6) == Reach::connected);
  check_reaches(a.netns(), "10.10.0.1", a.ip4());
  CHECK(ping(a.netns(), Lan::kHost4, 1000) != Reach::connected);
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
  CHECK(node.left() == kNothing);
}

TEST_CASE("behind another plugin's bridge that filters VLANs: the pod's static FDB entry is looked for in its VLAN",
          "[vlan][chained]") {
  // In VLAN 0 alone it was: the port drops all frames of a pod whose entry is gone, and CHECK found it as configured.
  NEEDS_KERNEL(kernel_has_vlan_filtering(), "bridge VLAN filtering");
  Node node;
  const Pod pod("a");
  must_run(
      "ip link add cbr0 type bridge vlan_filtering 1 && ip link set cbr0 up"
      " && ip link add vethp type veth peer name eth0 netns a && ip link set vethp master cbr0 up"
      " && bridge vlan del dev vethp vid 1 && bridge vlan add dev vethp vid 100 pvid untagged");
  pod.must_exec("ip addr add 10.66.0.9/24 dev eth0 && ip link set eth0 up");
  const std::string mac = json::parse(pod.must_exec("ip -j link show dev eth0"))[0].at("address");
  json conf{{"cniVersion", "1.0.0"}, {"name", "list"}, {"type", "trestle"}};
  conf["prevResult"] = {
      {"cniVersion", "1.0.0"},
      {"interfaces", {{{"name", "vethp"}}, {{"name", "eth0"}, {"mac", mac}, {"sandbox", pod.path()}}}},
      {"ips", {{{"address", "10.66.0.9/24"}, {"interface", 1}}}}};
  const Answer added = node.must_add(pod, conf);
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  must_run("bridge fdb del " + mac + " dev vethp vlan 100 master");
  CHECK_THAT(told(node.check(pod, added, conf)), Contains(mac) && Contains("is gone from VLAN 100"));
  CHECK(node.command({"repair"}).ok());
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  node.must_del(pod, conf);
  CHECK(must_run("bridge fdb show dev vethp | grep static || true").empty());
  must_run("ip link del cbr0 && ip link del vethp");
}
