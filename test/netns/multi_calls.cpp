// One call for each NIC, as Multus makes them, and delegates behind some of the NICs of one.
#include <catch2/catch.hpp>

#include "delegate_conf.h"
#include "multi_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

Call nic_call(const Node& node, const std::string& verb, const Pod& pod, const std::string& ifname, const json& conf) {
  Call call;
  call.command = verb;
  call.container = pod.name();
  call.ifname = ifname;
  call.netns = pod.path();
  call.conf = conf;
  call.env = {{"TRESTLE_STATE_DIR", node.state()}};
  return call;
}

json net1_conf() {
  json conf = other_conf("front", "10.91.0.0/24", {{"mode", "routed"}});
  conf["subnets"] = {"10.91.0.0/24", "fd91::/64"};
  return conf;
}

}  // namespace

TEST_CASE("a second call's NIC: no second default route, and its replies leave by it; DELs in any order",
          "[multi][calls]") {
  const bool first_goes_first = GENERATE(true, false);
  CAPTURE(first_goes_first);
  Node node;
  const Lan lan(node.host());
  node.settle();
  lan.route_to("10.91.0.0/24");
  lan.route_to("fd91::/64");
  const Pod pod("a");
  const Answer eth0 = node.must_add(pod), net1 = node.call(nic_call(node, "ADD", pod, "net1", net1_conf()));
  CAPTURE(told(net1));
  REQUIRE(net1.ok());
  CHECK_THAT(pod.must_exec("ip route show default; ip -6 route show default"),
             Contains("dev eth0") && !Contains("dev net1"));
  CHECK_FALSE(net1.json.contains("routes"));
  CHECK(ping(lan.netns(), address_of(net1, "net1", '.')) == Reach::connected);
  CHECK(ping(lan.netns(), address_of(net1, "net1", ':')) == Reach::connected);
  json with_prev = net1_conf();
  with_prev["prevResult"] = net1.json;
  const Answer checked = node.call(nic_call(node, "CHECK", pod, "net1", with_prev));
  CAPTURE(told(checked));
  CHECK(checked.ok());
  if (first_goes_first) {
    node.must_del(pod);
    CHECK(ping(lan.netns(), address_of(net1, "net1", '.')) == Reach::connected);
    CHECK(node.call(nic_call(node, "DEL", pod, "net1", net1_conf())).ok());
  } else {
    CHECK(node.call(nic_call(node, "DEL", pod, "net1", net1_conf())).ok());
    CHECK(node.check(pod, eth0).ok());
    node.must_del(pod);
  }
  CHECK_THAT(pod.must_exec("ip rule; ip -6 rule"), !Contains("1000:"));
  leave_nothing(node, {});
}

// The first ADD cannot know that there will be a second; the first NIC's replies left by the second one, whose guard dropped them.
TEST_CASE("the first call's NIC answers by itself too when a second call's comes; DELs in any order",
          "[multi][calls]") {
  const bool first_goes_first = GENERATE(true, false);
  CAPTURE(first_goes_first);
  Node node;
  const Pod pod("a"), other("b");
  json first = demo_conf();
  first["mode"] = "routed";
  const Answer eth0 = node.must_add(pod, first), net1 = node.call(nic_call(node, "ADD", pod, "net1", net1_conf()));
  CAPTURE(told(net1));
  REQUIRE(net1.ok());
  node.must_add(other, net1_conf());
  CHECK(ping(other.netns(), "10.88.0.2") == Reach::connected);
  CHECK(ping(other.netns(), "fd88::2") == Reach::connected);
  const auto as_made = [&] {
    const Answer checked = node.check(pod, eth0, first);
    CAPTURE(told(checked));
    CHECK(checked.ok());
  };
  as_made();
  pod.must_exec("ip rule del from 10.88.0.2");
  CHECK(node.check(pod, eth0, first).code() == 105);
  if (first_goes_first) {
    CHECK(node.command({"repair"}).ok());
    as_made();
    node.must_del(pod, first);
    CHECK_THAT(pod.must_exec("ip rule; ip -6 rule"), !Contains("10.88.0.2") && !Contains("fd88::2"));
  }
  // Its ADD may have been killed between the other's record and its rule.
  REQUIRE(node.call(nic_call(node, "DEL", pod, "net1", net1_conf())).ok());
  if (!first_goes_first) {
    as_made();
    node.must_del(pod, first);
  }
  CHECK_THAT(pod.must_exec("ip rule; ip -6 rule"), !Contains("1000:"));
  node.must_del(other, net1_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a first NIC without sourceRouting gets no table by a later call", "[multi][calls]") {
  Node node;
  const Pod pod("a");
  node.must_add(pod, demo_with({{"sourceRouting", false}}));
  REQUIRE(node.call(nic_call(node, "ADD", pod, "net1", net1_conf())).ok());
  CHECK_THAT(pod.must_exec("ip rule"), Contains("from 10.91.0.2") && !Contains("from 10.88.0.2"));
  CHECK(node.call(nic_call(node, "DEL", pod, "net1", net1_conf())).ok());
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

// It failed in the middle, with the kernel's "File exists".
TEST_CASE("a later call that asks for the default route of a pod that has one is told who has it", "[multi][calls]") {
  Node node;
  const Pod pod("a");
  node.must_add(pod);
  json conf = net1_conf();
  conf["defaultRoute"] = true;
  const Answer net1 = node.call(nic_call(node, "ADD", pod, "net1", conf));
  CHECK(net1.code() == 103);
  CHECK_THAT(told(net1), Contains("eth0 of network 'demo'") && Contains("defaultRoute"));
  node.must_del(pod);
  CHECK(node.left() == kNothing);
  node.must_add(pod, demo_with({{"defaultRoute", false}}));
  const Answer now = node.call(nic_call(node, "ADD", pod, "net1", conf));
  CAPTURE(told(now));
  CHECK(now.ok());
  CHECK_THAT(pod.must_exec("ip route show default"), Contains("dev net1"));
  CHECK(node.call(nic_call(node, "DEL", pod, "net1", conf)).ok());
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a delegate behind the second NIC: asked by that NIC's name, and told of its end", "[multi][delegate]") {
  SKIP_IF(::access((std::string(kPlugins) + "/host-local").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  Node node;
  const json nic{
      {"name", "eth1"},
      {"network", "front"},
      {"mode", "routed"},
      {"ipam", {{"type", "host-local"}, {"dataDir", "/run/leases"}, {"ranges", {{{{"subnet", "10.91.0.0/24"}}}}}}}};
  const json conf = multi_conf({nic, isolated_nic()});
  const Node::Env env = with_path(kPlugins);
  const Pod pod("a");
  const Answer added = node.must_add(pod, conf, env);
  CHECK(address_of(added, "eth0", '.') == "10.88.0.2");
  CHECK(address_of(added, "eth1", '.') == "10.91.0.2");
  CHECK(address_of(added, "eth2", '.') == "10.92.0.2");
  CHECK_THAT(must_run("cat /run/leases/front/10.91.0.2"), Contains("eth1"));
  CHECK_THAT(pod.must_exec("ip rule"), Contains("from 10.91.0.2") && Contains("from 10.88.0.2"));
  CHECK(ping(pod.netns(), "10.91.0.1") == Reach::connected);
  const Answer checked = node.check(pod, added, conf, env);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  node.must_del(pod, conf, env);
  CHECK(files_below("/run/leases/front").size() <= 2);  // its lock and its cursor
  must_run("rm -rf /run/leases");
  CHECK(node.left() == kNothing);
}
