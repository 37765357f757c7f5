// CHECK of a TAP: one outside change is one line of details, repair mends it; what hypervisors and KubeVirt do is no change.
#include <catch2/catch.hpp>
#include <map>

#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct Change {
  const char* what;
  const char* command;
  const char* told;
};

constexpr const char* kAlias = "demo/c1/eth0";

const Change kChanges[] = {
    {"TAP deleted", "ip -n c1 link del tap0", "pod:tap0: tap, owner 107, MTU 1500: is gone"},
    {"TAP's MTU", "ip -n c1 link set tap0 mtu 1400", "pod:tap0: tap, owner 107, MTU 1500: MTU is 1400, not 1500"},
    {"TAP down", "ip -n c1 link set tap0 down", "pod:tap0: up, without IPv6: is down"},
    {"TAP speaks IPv6", "ip -n c1 link set tap0 addrgenmode eui64", "pod:tap0: up, without IPv6: has IPv6 switched on"},
    {"pod side speaks IPv6", "ip -n c1 link set eth0 addrgenmode eui64", "pod:eth0: up, without IPv6"},
    {"IPv6 of the TAP", "ip netns exec c1 sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0",
     "pod: sysctl net/ipv6/conf/tap0/disable_ipv6 = 1: is 0"},
    {"IPv6 of the pod side", "ip netns exec c1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0",
     "pod: sysctl net/ipv6/conf/eth0/disable_ipv6 = 1: is 0"},
    {"pod side's MTU", "ip -n c1 link set eth0 mtu 1400", "MTU of the pod end is 1400"},
    {"pod side's MAC", "ip -n c1 link set eth0 address 02:00:00:00:00:99", "MAC of the pod end is 02:00:00:00:00:99"},
    {"pod side down", "ip -n c1 link set eth0 down", "pod:eth0: up, without IPv6: is down"},
    {"redirect from the switch", "tc -n c1 qdisc del dev eth0 ingress",
     "pod:eth0: redirect to and from pod:tap0: what comes in by eth0 is not led any more to tap0"},
    {"redirect from the guest", "tc -n c1 qdisc del dev tap0 ingress",
     "pod:eth0: redirect to and from pod:tap0: what comes in by tap0 is not led any more to eth0"},
    {"filter alone", "tc -n c1 filter del dev tap0 ingress", "what comes in by tap0 is not led any more to eth0"},
    {"pair deleted", "ip -n c1 link del eth0", ": veth to pod:eth0"},
};

}  // namespace

TEST_CASE("tap: CHECK names the one thing that a foreign hand changed, and repair mends it", "[tap][check]") {
  const Node node;
  const Pod pod("c1");
  for (const Change& change : kChanges) {
    CAPTURE(change.what);
    const Answer added = node.must_add(pod, tap_conf());
    REQUIRE(told(node.check(pod, added, tap_conf())) == "0 ");
    must_run(change.command);
    const Answer checked = node.check(pod, added, tap_conf());
    CHECK(checked.code() == 105);
    const std::string details = checked.json.value("details", "");
    CHECK_THAT(details, Contains(change.told));
    CHECK(details.find('\n') == std::string::npos);
    const Ran repaired = node.command({"repair"});
    CAPTURE(repaired.out, repaired.err);
    CHECK(repaired.ok());
    const Answer again = node.check(pod, added, tap_conf());
    CAPTURE(told(again));
    CHECK(again.ok());
    {
      GuestNic nic(pod.netns(), "tap0");
      CHECK(!ask_arp(nic, mac_of(added), addresses_of(added).front(), "10.88.0.1").empty());
    }
    node.must_del(pod, tap_conf());
    CHECK(node.left() == kNothing);
  }
}

TEST_CASE("tap: another TAP in its place is told, with owner and queues", "[tap][check]") {
  const Node node;
  const Pod pod("c1");
  const auto check_after = [&](const std::string& command) {
    const Answer added = node.must_add(pod, tap_conf());
    must_run(command);
    const Answer checked = node.check(pod, added, tap_conf());
    CHECK(checked.code() == 105);
    CHECK(node.command({"repair"}).ok());
    CHECK(node.check(pod, added, tap_conf()).ok());
    node.must_del(pod, tap_conf());
    CHECK(node.left() == kNothing);
    return checked.json.value("details", "");
  };
  const std::string remade = "ip -n c1 link del tap0 && ip -n c1 tuntap add dev tap0 mode tap ",
                    ours = std::string(" && ip -n c1 link set tap0 alias ") + kAlias;
  CHECK_THAT(check_after(remade + "user 1000" + ours), Contains("owner is 1000, not 107"));
  CHECK_THAT(check_after(remade + "user 107 group 5" + ours), Contains("group is 5, not nobody"));
  CHECK_THAT(check_after(remade + "user 107 multi_queue" + ours), Contains("is multi-queue"));
}

TEST_CASE("tap: a foreign TAP under its name is not ours: CHECK says so, repair and DEL leave it", "[tap][check]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod, tap_conf());
  must_run("ip -n c1 link del tap0 && ip -n c1 tuntap add dev tap0 mode tap user 1000");
  CHECK_THAT(node.check(pod, added, tap_conf()).json.value("details", ""), Contains("tap0") && Contains("is gone"));
  CHECK_FALSE(node.command({"repair"}).ok());
  node.must_del(pod, tap_conf());
  CHECK(pod.exec("ip link show tap0").ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: repair never takes a TAP from a hypervisor that has it open", "[tap][check]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod, tap_conf());
  GuestNic nic(pod.netns(), "tap0");
  must_run("tc -n c1 qdisc del dev tap0 ingress && ip -n c1 link set tap0 mtu 1300");
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(pod, added, tap_conf()).ok());
  CHECK(!ask_arp(nic, mac_of(added), addresses_of(added).front(), "10.88.0.1").empty());
  node.must_del(pod, tap_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: with a hypervisor and without one CHECK succeeds: the carrier comes and goes with it", "[tap][check]") {
  const Node node;
  Vm vm(node, "c1");
  CHECK(node.check(vm.pod(), vm.added(), tap_conf()).ok());
  vm.power_off();
  CHECK(node.check(vm.pod(), vm.added(), tap_conf()).ok());
  vm.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE(
    "tap: KubeVirt renames the pod side and puts a dummy in its place: CHECK and DEL find the pair by the host's end",
    "[tap][check]") {
  // kubevirt#14074: a veth stayed behind after a hot-unplug.
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod, tap_conf());
  // This kernel may have no dummy: any link of the name does.
  must_run(
      "ip -n c1 link set eth0 down && ip -n c1 link set eth0 name eth0-nic && ip -n c1 link set eth0-nic up && "
      "ip -n c1 link add eth0 type bridge && ip -n c1 link set eth0 address " +
      mac_of(added));
  const Answer checked = node.check(pod, added, tap_conf());
  CAPTURE(told(checked));
  CHECK(checked.ok());
  const std::string host = host_link_of(added);
  node.must_del(pod, tap_conf());
  CHECK_FALSE(run("ip link show " + host).ok());
  CHECK_FALSE(pod.exec("ip link show eth0-nic").ok());
  CHECK_FALSE(pod.exec("ip link show tap0").ok());
  CHECK(pod.exec("ip link show eth0").ok());  // KubeVirt's
  CHECK(node.left() == kNothing);
}

// ADD refuses such a pod, and CHECK called it sound.
TEST_CASE("tap: a foreign filter in front of the redirect is named by CHECK and repair, and left", "[tap][check]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod, tap_conf());
  must_run(
      "tc -n c1 filter add dev eth0 parent ffff: pref 1 protocol all u32 match u32 0 0 action mirred egress redirect "
      "dev lo");
  const Answer checked = node.check(pod, added, tap_conf());
  CHECK(checked.code() == 105);
  CHECK_THAT(checked.json.value("details", ""), Contains("tc filter del dev eth0 ingress pref 1"));
  const Ran repaired = node.command({"repair"});
  CHECK_THAT(repaired.out + repaired.err, Contains("tc filter del dev eth0 ingress pref 1"));
  CHECK_THAT(must_run("tc -n c1 filter show dev eth0 ingress"), Contains("pref 1 "));
  must_run("tc -n c1 filter del dev eth0 ingress pref 1");
  // One behind ours sees nothing, and takes nothing.
  must_run(
      "tc -n c1 filter add dev eth0 parent ffff: pref 40000 protocol all u32 match u32 0 0 action mirred egress "
      "redirect dev lo");
  CHECK(told(node.check(pod, added, tap_conf())) == "0 ");
  node.must_del(pod, tap_conf());
  CHECK(node.left() == kNothing);
}

// It said "ok" of all of them.
TEST_CASE("ps sees a TAP, a redirect, rules and a gateway address that are gone", "[tap][check][ps]") {
  const Node node;
  const Pod pod("c1");
  node.must_add(pod, tap_conf());
  const auto health = [&] { return json::parse(node.command({"ps", "--json"}).out).at(0); };
  REQUIRE(health().at("health") == "ok");
  for (const auto& [damage, why] :
       std::map<std::string, std::string>{{"ip -n c1 link del tap0", "pod:tap0"},
                                          {"tc -n c1 qdisc del dev eth0 ingress", "is not led any more to tap0"},
                                          {"nft delete table bridge trestle", "nftables"},
                                          {"ip addr del 10.88.0.1/16 dev trdemo", "10.88.0.1/16: is gone"}}) {
    CAPTURE(damage);
    must_run(damage);
    const json seen = health();
    CHECK(seen.at("health") == "degraded");
    CHECK_THAT(seen.value("why", ""), Contains(why));
    CHECK_THAT(node.command({"inspect", "c1"}).out, Contains("degraded"));
    CHECK(node.command({"repair"}).ok());
    CHECK(health().at("health") == "ok");
  }
  node.must_del(pod, tap_conf());
  CHECK(node.left() == kNothing);
}
