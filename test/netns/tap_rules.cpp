// What KubeVirt, QEMU, Firecracker and Kata ask of the TAP and of the result, one by one.
#include <catch2/catch.hpp>
#include <cerrno>

#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("tap: 107 opens it without a capability, nobody else does", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const auto open_as = [&](unsigned uid, unsigned gid) {
    return try_tap(pod.netns(), "tap0", Opener{uid, gid, false, true});
  };
  SECTION("owner 107 by default, of any group") {
    node.must_add(pod, tap_conf());
    CHECK(open_as(107, 107) == 0);
    CHECK(open_as(107, 36) == 0);
    CHECK(open_as(108, 107) == EPERM);
    node.must_del(pod, tap_conf());
  }
  SECTION("with a group the opener has to be both") {
    const json conf = tap_conf({{"tap", {{"owner", 1000}, {"group", 36}}}});
    node.must_add(pod, conf);
    CHECK(open_as(1000, 36) == 0);
    CHECK(open_as(1000, 1000) == EPERM);
    CHECK(open_as(107, 36) == EPERM);
    node.must_del(pod, conf);
  }
  SECTION("root of an old KubeVirt") {
    const json conf = tap_conf({{"tap", {{"owner", 0}}}});
    node.must_add(pod, conf);
    CHECK(open_as(0, 0) == 0);
    CHECK(open_as(107, 107) == EPERM);
    node.must_del(pod, conf);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: multiQueue is as the hypervisor opens it; virtio headers are its own choice", "[tap][rules]") {
  const Node node;
  const Pod one("a"), many("b");
  const json queues = tap_conf({{"tap", {{"multiQueue", true}}}});
  node.must_add(one, tap_conf());
  node.must_add(many, queues);
  const auto open_by = [](const Pod& pod, bool multi, bool headers) {
    return try_tap(pod.netns(), "tap0", Opener{107, 107, multi, headers});
  };
  for (const bool headers : {true, false}) {
    CHECK(open_by(one, false, headers) == 0);
    CHECK(open_by(one, true, headers) == EINVAL);
    CHECK(open_by(many, true, headers) == 0);
    CHECK(open_by(many, false, headers) == EINVAL);
  }
  {
    const Opener opener{107, 107, true, true};
    const GuestNic first(many.netns(), "tap0", opener), second(many.netns(), "tap0", opener);  // a queue each
  }
  node.must_del(one, tap_conf());
  node.must_del(many, queues);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: complete when ADD returns: up, both MTUs, the guest's MAC on the pod side, no address, no route",
          "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const json conf = tap_conf({{"mtu", 1400}});
  const Answer added = node.must_add(pod, conf);
  const json eth0 = link_in(pod, "eth0"), tap0 = link_in(pod, "tap0");
  CHECK(eth0["mtu"] == 1400);
  CHECK(tap0["mtu"] == 1400);
  CHECK(eth0["address"] == mac_of(added));
  CHECK(tap0["address"] != mac_of(added));
  for (const json& link : {eth0, tap0}) {
    CHECK_THAT(link["flags"].dump(), Contains("\"UP\""));
    CHECK(link["inet6_addr_gen_mode"] == "none");
  }
  CHECK(tap0["linkinfo"]["info_kind"] == "tun");
  CHECK(tap0["linkinfo"]["info_data"]["type"] == "tap");
  CHECK(tap0["linkinfo"]["info_data"]["persist"] == true);
  CHECK(tap0["linkinfo"]["info_data"]["user"] == 107);
  CHECK_FALSE(tap0["linkinfo"]["info_data"].contains("group"));
  CHECK(pod.must_exec("ip -o addr show dev eth0; ip -o addr show dev tap0").empty());
  CHECK(pod.must_exec("ip route show table all dev eth0; ip -6 route show table all dev eth0").empty());
  CHECK(pod.must_exec("ip neigh").empty());
  node.must_del(pod, conf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: the port is not locked and has no static FDB entry of the guest", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const Answer added = node.must_add(pod, tap_conf());
  const std::string link = host_link_of(added);
  const json port = json::parse(must_run("ip -d -j link show dev " + link)).at(0)["linkinfo"]["info_slave_data"];
  CHECK(port["locked"] == false);
  CHECK(port["learning"] == true);
  CHECK(port["hairpin"] == false);
  CHECK(run("bridge fdb show br trdemo | grep " + mac_of(added)).out.empty());
  CHECK_THAT(must_run("nft list set bridge trestle mac"), Contains(mac_of(added)));
  node.must_del(pod, tap_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE(
    "tap: its name is KubeVirt's, the configuration's or tc-redirect-tap's; a clash is refused and leaves nothing",
    "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const auto name_of = [&](const std::string& ifname, const json& conf, const Node::Env& env = {}) {
    Call call{"ADD", "a", ifname, pod.path(), conf, env};
    const Answer added = node.call(call);
    CAPTURE(told(added));
    REQUIRE(added.ok());
    const std::string name = added.json["interfaces"][3]["name"];
    CHECK(pod.exec("ip link show " + name).ok());
    call.command = "DEL";
    CHECK(node.call(call).ok());
    CHECK_FALSE(pod.exec("ip link show " + name).ok());
    return name;
  };
  CHECK(name_of("eth0", tap_conf()) == "tap0");
  CHECK(name_of("pod6446d58d6df", tap_conf()) == "tap6446d58d6df");
  CHECK(name_of("eth0", tap_conf({{"tap", {{"name", "vm0"}}}})) == "vm0");
  CHECK(name_of("eth0", tap_conf({{"tap", {{"name", "vm0"}}}}), {{"CNI_ARGS", "TC_REDIRECT_TAP_NAME=fc0"}}) == "fc0");

  pod.must_exec("ip link add tap0 type veth peer name other");
  const Answer clash = node.add(pod, tap_conf());
  CHECK(clash.code() == 103);
  CHECK_THAT(clash.json.value("msg", ""), Contains("pod:tap0") && Contains("already"));
  CHECK(pod.exec("ip link show tap0").ok());
  CHECK_FALSE(pod.exec("ip link show eth0").ok());
  pod.must_exec("ip link del tap0 && ip tuntap add dev tap0 mode tap user 107");
  CHECK(node.add(pod, tap_conf()).code() == 103);
  CHECK(pod.exec("ip link show tap0").ok());
  CHECK(node.left() == kNothing);
  CHECK(node.call(Call{"ADD", "a", "tap0", pod.path(), tap_conf(), {}}).code() == 7);
}

TEST_CASE("tap: tc-redirect-tap's owner in CNI_ARGS; a wrong one is a wrong environment", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const Answer added =
      node.must_add(pod, tap_conf(), {{"CNI_ARGS", "TC_REDIRECT_TAP_UID=1000;TC_REDIRECT_TAP_GID=36"}});
  CHECK(try_tap(pod.netns(), "tap0", Opener{1000, 36, false, true}) == 0);
  CHECK(try_tap(pod.netns(), "tap0", Opener{107, 107, false, true}) == EPERM);
  CHECK(added.json["interfaces"].size() == 5);
  node.must_del(pod, tap_conf());
  CHECK(node.add(pod, tap_conf(), {{"CNI_ARGS", "TC_REDIRECT_TAP_UID=qemu"}}).code() == 4);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: vmInterface is what firecracker-go-sdk reads", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const json conf = tap_conf({{"tap", {{"vmInterface", true}}}});
  const Answer added = node.must_add(pod, conf);
  const json& result = added.json;
  REQUIRE(result["interfaces"].size() == 5);
  const json& vm = result["interfaces"][4];
  CHECK(vm["name"] == result["interfaces"][3]["name"]);
  CHECK(vm["sandbox"] == "a");
  CHECK(vm["mac"] == result["interfaces"][2]["mac"]);
  REQUIRE(result["ips"].size() == 4);
  for (const int i : {0, 1}) {
    CHECK(result["ips"][i]["interface"] == 2);
    CHECK(result["ips"][i + 2]["interface"] == 4);
    CHECK(result["ips"][i + 2]["address"] == result["ips"][i]["address"]);
    CHECK(result["ips"][i + 2]["gateway"] == result["ips"][i]["gateway"]);
  }
  const Answer checked = node.check(pod, added, conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  node.must_del(pod, conf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: a label that cannot be given is logged, and the TAP is there", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  const json conf = tap_conf({{"tap", {{"selinuxContext", "system_u:system_r:container_t:s0"}}}});
  const Answer added = node.must_add(pod, conf);
  if (!run("test -e /sys/fs/selinux/enforce").ok()) CHECK_THAT(added.err, Contains("label") && Contains("SELinux"));
  CHECK(try_tap(pod.netns(), "tap0") == 0);
  node.must_del(pod, conf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("veth: the pod side's ingress is free for Kata, no qdisc stands there", "[tap][rules]") {
  const Node node;
  const Pod pod("a");
  node.must_add(pod);
  CHECK(pod.must_exec("tc qdisc show dev eth0 ingress").empty());
  CHECK(pod.exec("tc filter show dev eth0 ingress").out.empty());
  // What Kata does then.
  pod.must_exec("tc qdisc add dev eth0 ingress");
  CHECK(pod.exec("ip tuntap show").out.empty());
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}
