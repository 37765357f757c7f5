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
