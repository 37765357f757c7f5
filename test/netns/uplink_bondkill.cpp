// A bond, killed in the middle: with takeAddresses the NIC goes down to become a member, and the host must not lose its address for it. Bond and
// VLANs, killed or failing at ADD and at DEL: what hack/killtest does with all other Steps, which cannot run on kernels without the two.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "uplink_conf.h"
#include "uplink_tamper.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

// Both NICs of the host, uplink0 and uplink1, on one LAN.
void second_nic(const Lan& lan) {
  must_run("ip link add uplink1 type veth peer name far1 && ip link set uplink1 up");
  must_run("ip link set far1 netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(lan.netns().get()));
  const Ran there = lan.exec(
      "ip link add seg type bridge && ip link set seg up && ip addr flush dev eth0 && ip link set eth0 master seg && "
      "ip link set far1 master seg up && ip addr add 192.0.2.1/24 dev seg && ip addr add 2001:db8::1/64 dev seg nodad");
  REQUIRE(there.ok());
}

}  // namespace

TEST_CASE("takeAddresses and a bond, killed at messages to the kernel: the host keeps its addresses and its LAN",
          "[uplink][bondkill]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  SKIP_IF(!has_strace(), "strace is not installed");
  const json conf =
      lan_conf({{"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}, {"takeAddresses", true}}}});
  bool done = false;
  for (int k = 1; !done && k < kMostMessages;
       k += in_vm() ? 23 : 1) {  // an emulated processor takes many seconds for each
    CAPTURE(k);
    Node node;
    const Lan lan(node.host());
    second_nic(lan);
    node.settle();
    const std::string before = host_state();
    const Pod pod("a");
    done = add_tampered(node, pod, conf, "signal=SIGKILL", k).ok();
    check_has_addresses();
    check_host_lives(lan, 10'000);
    node.must_del(pod, conf);
    check_has_addresses();
    const Ran released = node.command({"uplink", "release"});
    CAPTURE(released.out, released.err);
    CHECK(released.ok());
    CHECK(host_state() == before);
    CHECK(node.left() == kNothing);
    check_host_lives(lan, 10'000);
  }
  CHECK(done);
}

TEST_CASE("a bond that is there already is an uplink by its name, and stays as it was", "[uplink][bondready]") {
  NEEDS_KERNEL(kernel_has_bonding(), "bonding");
  Node node;
  const Lan lan(node.host());
  must_run("ip addr flush dev uplink0 scope global && ip -6 route flush dev uplink0 proto boot");
  must_run(
      "ip link add ready0 type bond mode active-backup miimon 50 && ip link set uplink0 down && "
      "ip link set uplink0 master ready0 && ip link set ready0 up && ip link show ready0");
  node.settle();
  const auto state = [] {
    return must_run("ip -d link show ready0; ip -d link show uplink0") +
           must_run("cat /sys/class/net/ready0/bonding/slaves");
  };
  const std::string before = state();
  // A member of it is not for the taking.
  const Pod pod("b");
  const Answer refused = node.add(pod, lan_conf({{"uplink", "uplink0"}}));
  CAPTURE(told(refused));
  CHECK(refused.code() == 103);
  const json conf = lan_conf({{"uplink", "ready0"}});
  const Guest a(node, "a", conf);
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, a.ip6());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  a.leave();
  CHECK(state() == before);
  leave_nothing(node, {});
}

TEST_CASE("a bond and VLANs, killed or failing at messages of ADD and of DEL: the next DEL leaves nothing",
          "[uplink][bondkill]") {
  NEEDS_KERNEL(kernel_has_bonding() && kernel_has_vlan_filtering(), "bonding and bridge VLAN filtering");
  SKIP_IF(!has_strace(), "strace is not installed");
  Node node;
  const Lan lan(node.host());
  second_nic(lan);
  must_run("ip addr flush dev uplink0 scope global && ip -6 route flush dev uplink0 proto boot");
  node.settle();
  json conf = lan_conf({{"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}}}, {"vlan", 42}});
  const Pod pod("a");
  // An emulated processor takes seconds for each: there one of each kind, where bond and VLANs are made and undone.
  int only = 28;
  for (const char* verb : {"ADD", "DEL"})
    for (const char* how : {"signal=SIGKILL", "error=ENOMEM"}) {
      bool done = false;
      for (int k = in_vm() ? only : 1; !done && k < kMostMessages; ++k) {
        CAPTURE(verb, how, k);
        if (std::string(verb) == "DEL") node.must_add(pod, conf);
        done = call_tampered(node, verb, pod, conf, how, k).ok();
        if (std::string(verb) == "ADD" && !done && std::string(how) != "signal=SIGKILL") CHECK(node.left() == kNothing);
        node.must_del(pod, conf);
        const auto left = node.left();
        CHECK(left == kNothing);
        if (left != kNothing) return;
        if (in_vm()) break;
      }
      CHECK(done != in_vm());  // in that machine it was struck, elsewhere all messages were
      only = only == 28 ? 36 : only == 36 ? 42 : 46;
    }
}
