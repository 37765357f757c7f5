// Further NICs of one call.
#include <catch2/catch.hpp>

#include "multi_conf.h"
#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("four NICs of one call: each has its network, CHECK sees each, one DEL takes all away", "[multi]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", multi_conf()), b(node, "b", multi_conf());
  CHECK(node.records().size() == 2);
  for (const std::string nic : {"eth0", "eth1", "eth2", "eth3"})
    for (const char family : {'.', ':'}) {
      CAPTURE(nic, family);
      const std::string there = address_of(b.added(), nic, family);
      REQUIRE_FALSE(there.empty());
      CHECK_THAT(b.pod().must_exec("ip addr show dev " + nic), Contains(" " + there + "/"));
      CHECK(ping(a.netns(), there) == Reach::connected);
    }
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  CHECK(ping(node.host().netns(), address_of(a.added(), "eth2", '.'), 300) != Reach::connected);
  const Answer checked = node.check(a.pod(), a.added(), multi_conf());
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK_THAT(node.command({"check"}).out, Contains("all 2 attachments"));
  CHECK_THAT(node.command({"ps"}).out, Contains("eth3"));
  leave_nothing(node, {&a, &b});
}

TEST_CASE("several NICs: CHECK names what is missing of a further one, repair mends it", "[multi][check]") {
  const auto [tampered, named] = GENERATE(table<std::string, std::string>({
      {"ip -n a addr del 10.91.0.2/24 dev eth1", "10.91.0.2"},
      {"ip -n a link set eth2 down", "eth2"},
      {"ip -n a rule del from 10.91.0.2", "rule from 10.91.0.2"},
      {"ip -n a -6 rule del from fd91::2", "rule from fd91::2"},
      {"ip -n a link set eth3 address 02:00:00:00:00:99", "eth3"},
      {"nft delete element bridge trestle addr4 '{ LINK . 10.91.0.2 }'", "10.91.0.2"},
  }));
  CAPTURE(tampered);
  Node node;
  const Guest a(node, "a", multi_conf());
  REQUIRE(address_of(a.added(), "eth1", '.') == "10.91.0.2");
  std::string link;
  for (const auto& interface : a.added().json.at("interfaces")) {
    if (interface.at("name") == "eth1") break;
    link = interface.at("name");
  }
  std::string command = tampered;
  if (const auto at = command.find("LINK"); at != std::string::npos) command.replace(at, 4, link);
  must_run(command);
  const Answer checked = node.check(a.pod(), a.added(), multi_conf());
  CAPTURE(told(checked));
  CHECK(checked.code() == 105);
  CHECK_THAT(told(checked), Contains(named));
  const Ran repaired = node.command({"repair"});
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK(node.check(a.pod(), a.added(), multi_conf()).ok());
  leave_nothing(node, {&a});
}

TEST_CASE("several NICs: ps and inspect tell each one's mode, check whose switch a defect is of", "[multi][cli]") {
  Node node;
  const Guest a(node, "a", multi_conf());
  const json listed = json::parse(node.command({"ps", "--json"}).out).at(0).at("nics");
  std::vector<std::string> modes;
  for (const json& nic : listed) modes.push_back(nic.at("mode"));
  CHECK(modes == std::vector<std::string>{"nat", "routed", "isolated", "nat"});
  CHECK_THAT(node.command({"ps", "--wide"}).out, Contains("  routed") && Contains("  isolated"));
  CHECK_THAT(node.command({"inspect", "a"}).out, Contains("on switch trback, isolated, of eth2"));
  must_run("ip addr del 10.91.0.1/24 dev trfront");
  CHECK_THAT(node.command({"check"}).out, Contains("switch trfront: host:trfront: address 10.91.0.1/24: is gone"));
  leave_nothing(node, {&a});
}

TEST_CASE("several NICs: when one cannot be made none is, and nothing is left", "[multi]") {
  struct Case {
    json nic;
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {{{"name", "eth1"}, {"mode", "bridge"}, {"uplink", "nowhere0"}}, "no such NIC"},
      {{{"name", "eth1"}, {"subnets", {"192.0.2.0/24"}}}, "in use on this host"},
      {{{"name", "eth1"}, {"mode", "bridge"}, {"bridge", "nowhere0"}}, "nowhere0"},
      {same_switch_nic("eth0"), "would be called eth0"},
      {{{"name", "eth1"}, {"mode", "routed"}, {"subnets", {"10.91.0.0/30"}}, {"ipam", nullptr}}, "no free address"},
      {same_switch_nic("there0"), "there0"},
      {{{"name", "eth1"}, {"ipam", {{"type", "no-such-plugin"}}}}, "no-such-plugin"},
  }));
  CAPTURE(c.nic.dump());
  Node node;
  const Lan lan(node.host());
  must_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");  // never goes back
  node.settle();
  const json full{{"name", "eth1"}, {"network", "demo-eth1"}, {"mode", "routed"}, {"subnets", {"10.91.0.0/30"}}};
  const bool needs_full = c.says == "no free address";
  const Pod other("other"), pod("a");
  if (needs_full) node.must_add(other, multi_conf({full}));
  pod.must_exec("ip link add there0 type bridge");
  const Answer refused = node.add(pod, multi_conf({c.nic}));
  CAPTURE(told(refused));
  CHECK(refused.code() != 0);
  CHECK_THAT(told(refused), Contains(c.says));
  CHECK(node.records().size() == (needs_full ? 1 : 0));
  CHECK_FALSE(pod.exec("ip link show dev eth0").ok());
  if (needs_full) node.must_del(other, multi_conf({full}));
  CHECK(node.left() == kNothing);
}

TEST_CASE("a TAP and a veth in one call: the VM's interface and the pod's own", "[multi][tap]") {
  const bool tap_first = GENERATE(true, false);
  CAPTURE(tap_first);
  Node node;
  json second = routed_nic();
  json conf = multi_conf({second});
  if (tap_first) {
    conf["device"] = "tap";
  } else {
    second["device"] = "tap";
    conf = multi_conf({second});
  }
  const Pod pod("a");
  const Answer added = node.must_add(pod, conf);
  CHECK(pod.exec(tap_first ? "ip link show dev tap0" : "ip link show dev tap1").ok());
  CHECK_FALSE(pod.exec(tap_first ? "ip link show dev tap1" : "ip link show dev tap0").ok());
  CHECK_THAT(pod.must_exec("ip addr show"), Contains(tap_first ? "10.91.0.2" : "10.88.0.2"));
  const Answer checked = node.check(pod, added, conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  node.must_del(pod, conf);
  CHECK_FALSE(pod.exec("ip link show | grep -E 'tap|eth'").ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a VM's NICs of one call keep their MACs and addresses in its next pod", "[multi][vm]") {
  Node node;
  json conf = multi_conf({same_switch_nic(), isolated_nic()});
  conf["device"] = "tap";
  for (json& nic : conf["interfaces"]) nic["device"] = "tap";
  const Node::Env env{{"CNI_ARGS", "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=virt-launcher-web-aaaaa"}},
      next{{"CNI_ARGS", "K8S_POD_NAMESPACE=prod;K8S_POD_NAME=virt-launcher-web-bbbbb"}};
  const Pod first("a"), second("b");
  const Answer before = node.must_add(first, conf, env), after = node.must_add(second, conf, next);
  for (const std::string nic : {"eth0", "eth1", "eth2"})
    CHECK(address_of(before, nic, '.') == address_of(after, nic, '.'));
  CHECK(address_of(before, "eth0", '.') != address_of(before, "eth1", '.'));
  node.must_del(first, conf, env);
  const Answer checked = node.check(second, after, conf, next);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  node.must_del(second, conf, next);
  CHECK(node.left() == kNothing);
}
