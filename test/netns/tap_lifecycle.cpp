// ADD, DEL and GC of a TAP: with its namespace and without, twice, after a crash, with a guest running.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

std::string links_of(const Pod& pod) { return pod.must_exec("ip -o link | grep -v ' lo:' || true"); }

}  // namespace

TEST_CASE("tap: in every mode ADD, CHECK and DEL leave nothing, in the pod neither", "[tap][lifecycle]") {
  const auto mode = GENERATE(as<std::string>{}, "nat", "routed", "isolated", "bridge");
  CAPTURE(mode);
  Node node;
  wire_nic1();
  node.settle();
  const Pod pod("a");
  const json conf = tap_mode(mode);
  const Answer added = node.must_add(pod, conf);
  const Answer checked = node.check(pod, added, conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK(node.status(conf).ok());
  node.must_del(pod, conf);
  CHECK(links_of(pod).empty());
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");  // with it on, nic1 is in a group more
  CHECK(node.left() == kNothing);
  node.must_del(pod, conf);  // twice is once
}

TEST_CASE("tap: DEL with a running guest, and an ADD after it (hot-unplug and hot-plug)", "[tap][lifecycle]") {
  const Node node;
  Vm vm(node, "a");
  vm.leave();
  CHECK(links_of(vm.pod()).empty());
  CHECK(node.left() == kNothing);
  vm.power_off();
  node.must_add(vm.pod(), tap_conf());
  CHECK(try_tap(vm.pod().netns(), "tap0") == 0);
  vm.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: DEL without its namespace, and with another at its path", "[tap][lifecycle]") {
  const Node node;
  SECTION("gone") {
    Pod pod("a");
    const std::string host = host_link_of(node.must_add(pod, tap_conf()));
    pod.remove();
    wait_gone(host);
    node.must_del(pod, tap_conf());
  }
  SECTION("another: what is in there is not touched") {
    Pod pod("a");
    const std::string host = host_link_of(node.must_add(pod, tap_conf()));
    pod.remove();
    wait_gone(host);
    const Pod other("a");
    other.must_exec("ip tuntap add dev tap0 mode tap user 107 && ip link set tap0 alias demo/a/eth0");
    node.must_del(other, tap_conf());
    CHECK(other.exec("ip link show tap0").ok());
  }
  SECTION("not named by the runtime") {
    const Pod pod("a");
    node.must_add(pod, tap_conf());
    CHECK(node.call(Call{"DEL", "a", "eth0", "", tap_conf(), {}}).ok());
    CHECK(links_of(pod).empty());
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: DEL after the record was lost finds the TAP by its alias, and an ADD can follow", "[tap][lifecycle]") {
  const Node node;
  const Pod pod("a");
  node.must_add(pod, tap_conf({{"tap", {{"name", "vm0"}}}}));
  must_run("rm -rf " + node.state());
  node.must_del(pod, tap_conf());
  CHECK(links_of(pod).empty());
  node.must_add(pod, tap_conf());
  node.must_del(pod, tap_conf());
  CHECK(links_of(pod).empty());
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: GC of attachments whose namespaces live on takes their TAPs too", "[tap][lifecycle]") {
  const Node node;
  const Pod a("a"), b("b"), kept("c");
  node.must_add(a, tap_conf());
  node.must_add(b, tap_conf());
  node.must_add(kept, tap_conf());
  CHECK(node.gc({{{"containerID", "c"}, {"ifname", "eth0"}}}).ok());
  CHECK(links_of(a).empty());
  CHECK(links_of(b).empty());
  CHECK(kept.exec("ip link show tap0").ok());
  node.must_del(kept, tap_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: an ADD on an interface that is there fails and leaves it; one of a TAP without module names it",
          "[tap][lifecycle]") {
  const Node node;
  const Pod pod("a");
  node.must_add(pod, tap_conf());
  CHECK(node.add(pod, tap_conf()).code() == 104);
  CHECK(pod.exec("ip link show tap0").ok());
  node.must_del(pod, tap_conf());
  must_run("mount --bind /dev/null /dev/net/tun");
  const Answer refused = node.add(pod, tap_conf());
  must_run("umount /dev/net/tun");
  CHECK_FALSE(refused.ok());
  CHECK_THAT(refused.json.value("msg", ""), Contains("tap0"));
  CHECK(links_of(pod).empty());
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: bandwidth is limited as a container's, and goes with it", "[tap][lifecycle]") {
  const Node node;
  const Pod pod("a");
  json conf = tap_conf();
  conf["runtimeConfig"]["bandwidth"] = {
      {"ingressRate", 8'000'000}, {"ingressBurst", 800'000}, {"egressRate", 8'000'000}, {"egressBurst", 800'000}};
  const Answer added = node.must_add(pod, conf);
  CHECK_THAT(must_run("tc qdisc show dev " + host_link_of(added)), Contains("tbf") && Contains("ingress"));
  CHECK(node.check(pod, added, conf).ok());
  node.must_del(pod, conf);
  CHECK(links_of(pod).empty());
  CHECK(node.left() == kNothing);
}
