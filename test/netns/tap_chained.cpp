// A TAP behind another plugin that makes the interface, as tc-redirect-tap stands in a list.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "chained_conf.h"
#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

bool installed() { return ::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) == 0; }
void sweep_up() { run("ip link del cbr0; rm -rf /run/host-local"); }

}  // namespace

TEST_CASE("tap behind Debian's bridge: its interface and addresses stay, the guest has the frames", "[tap][chained]") {
  SKIP_IF(!installed(), "containernetworking-plugins is not installed");
  const Node node;
  const Pod pod("a");
  Chain chain(node, {debian_bridge(), behind({{"device", "tap"}, {"tap", {{"vmInterface", true}}}})});
  const json& result = chain.must_add(pod);
  REQUIRE(result.at("interfaces").size() == 5);
  const json &eth0 = result["interfaces"][2], &tap = result["interfaces"][3], &vm = result["interfaces"][4];
  CHECK(eth0["name"] == "eth0");
  CHECK(tap["name"] == "tap0");
  CHECK(tap["sandbox"] == eth0["sandbox"]);
  CHECK(vm["name"] == "tap0");
  CHECK(vm["sandbox"] == "a");
  CHECK(vm["mac"] == eth0["mac"]);
  REQUIRE(result.at("ips").size() == 2);
  CHECK(result["ips"][0]["interface"] == 2);
  CHECK(result["ips"][1]["interface"] == 4);
  CHECK(result["ips"][1]["address"] == result["ips"][0]["address"]);
  const std::string cidr = result["ips"][0]["address"], ip = cidr.substr(0, cidr.find('/'));
  CHECK_THAT(pod.must_exec("ip -o addr show dev eth0"), Contains(cidr));
  {
    GuestNic nic(pod.netns(), "tap0");
    const std::string gateway = ask_arp(nic, vm["mac"], ip, "10.66.0.1");
    CHECK(!gateway.empty());
    CHECK(echo_from(nic, vm["mac"], ip, gateway, "10.66.0.1"));
  }
  const Answer checked = chain.check(pod);
  CAPTURE(told(checked));
  CHECK(checked.ok());

  // DEL of ours alone: the interface stays, and the pod's own kernel has its frames again.
  json conf = behind({{"device", "tap"}});
  conf["cniVersion"] = "1.0.0";
  conf["name"] = "list";
  node.must_del(pod, conf);
  CHECK_FALSE(pod.exec("ip link show tap0").ok());
  CHECK(pod.exec("ip link show eth0").ok());
  CHECK(pod.must_exec("tc qdisc show dev eth0 ingress").empty());
  CHECK(ping(pod.netns(), "10.66.0.1") == Reach::connected);
  chain.must_del(pod);
  sweep_up();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap behind another: somebody else's redirect on that interface is refused and left", "[tap][chained]") {
  SKIP_IF(!installed(), "containernetworking-plugins is not installed");
  const Node node;
  const Pod pod("a");
  Chain plain(node, {debian_bridge()});
  const json prev = plain.must_add(pod);
  pod.must_exec(
      "ip tuntap add dev kata0 mode tap && tc qdisc add dev eth0 ingress && "
      "tc filter add dev eth0 parent ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev kata0");
  json conf = behind({{"device", "tap"}});
  conf["cniVersion"] = "1.0.0";
  conf["name"] = "list";
  conf["prevResult"] = prev;
  const Answer refused = node.add(pod, conf);
  CHECK(refused.code() == 103);
  CHECK_THAT(refused.json.value("msg", ""), Contains("pod:eth0"));
  CHECK_THAT(pod.must_exec("tc filter show dev eth0 ingress"), Contains("kata0"));
  CHECK_FALSE(pod.exec("ip link show tap0").ok());
  pod.must_exec("ip link del kata0");
  plain.must_del(pod);
  sweep_up();
  CHECK(node.left() == kNothing);
}

// ps and graph took the other plugin's link for a switch that it had fallen off.
TEST_CASE("tap behind Debian's ptp: sound to ps, inspect, graph and CHECK; CHECK names an interface that is gone",
          "[tap][chained]") {
  SKIP_IF(!installed(), "containernetworking-plugins is not installed");
  Node node;
  must_run("sysctl -qw net.ipv4.ip_forward=1");  // ptp does
  node.settle();
  const Pod pod("a");
  const json ours = behind({{"device", "tap"}, {"spoofCheck", false}});
  Chain chain(node, {debian_ptp(), ours});
  chain.must_add(pod);
  CHECK(chain.check(pod).ok());
  const json seen = json::parse(node.command({"ps", "--json"}).out).at(0);
  CHECK(seen.at("health") == "ok");
  CHECK(seen.at("switch") == "");
  CHECK_THAT(node.command({"inspect", "a"}).out, Contains("made by another plugin") && Contains("health      ok"));
  const std::string picture = node.command({"graph"}).out;
  CHECK_THAT(picture, !Contains("\"switch ") && !Contains("color=red") && Contains("made by another plugin"));
  pod.must_exec("ip link del eth0");
  json conf = ours;
  conf["cniVersion"] = "1.0.0";
  conf["name"] = "list";
  conf["prevResult"] = chain.result();
  const Answer checked = node.call("CHECK", pod, conf);
  CAPTURE(told(checked));
  CHECK(checked.code() == 105);
  CHECK_THAT(checked.json.value("details", ""), Contains("pod:eth0: is gone"));
  chain.del(pod);
  sweep_up();
  CHECK(node.left() == kNothing);
}

// The guard knew the interface's MAC alone, and dropped all that the guest sent.
TEST_CASE("behind another plugin a MAC that its interface has not is refused", "[tap][chained]") {
  SKIP_IF(!installed(), "containernetworking-plugins is not installed");
  const Node node;
  const Pod pod("a");
  Chain plain(node, {debian_bridge()});
  json conf =
      behind({{"device", "tap"}, {"capabilities", {{"mac", true}}}, {"runtimeConfig", {{"mac", "02:00:00:00:00:55"}}}});
  conf["cniVersion"] = "1.0.0";
  conf["name"] = "list";
  conf["prevResult"] = plain.must_add(pod);
  const Answer refused = node.add(pod, conf);
  CHECK(refused.code() == 7);
  CHECK_THAT(refused.json.value("msg", ""), Contains("02:00:00:00:00:55 is asked for"));
  conf.erase("runtimeConfig");
  conf["mtu"] = 1400;
  const Answer not_ours = node.add(pod, conf);
  CHECK(not_ours.code() == 7);
  CHECK_THAT(not_ours.json.value("msg", ""), Contains("mtu") && Contains("behind another plugin"));
  plain.must_del(pod);
  sweep_up();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap behind Debian's macvlan, as tc-redirect-tap: made where nothing is to be guarded", "[tap][chained]") {
  SKIP_IF(!installed(), "containernetworking-plugins is not installed");
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Pod pod("a");
  const json macvlan{{"type", "macvlan"}, {"master", Lan::kUplink}};
  {
    Chain guarded(node, {macvlan, behind({{"device", "tap"}})});
    const Answer refused = guarded.add(pod);
    CHECK(refused.code() == 7);
    CHECK_THAT(refused.json.value("msg", ""), Contains("macvlan") && Contains("\"spoofCheck\": false"));
    Chain(node, {macvlan}).must_del(pod);
  }
  const json ours = behind({{"device", "tap"}, {"spoofCheck", false}});
  Chain chain(node, {macvlan, ours});
  chain.must_add(pod);
  CHECK(chain.check(pod).ok());
  CHECK(json::parse(node.command({"ps", "--json"}).out).at(0).at("health") == "ok");
  CHECK(node.command({"check"}).ok());
  CHECK(node.command({"repair"}).ok());
  {
    GuestNic nic(pod.netns(), "tap0");
    const std::string mac = link_in(pod, "eth0").at("address");
    CHECK(!ask_arp(nic, mac, "192.0.2.77", Lan::kOutside4).empty());
  }
  json again = ours;
  again["cniVersion"] = "1.0.0";
  again["name"] = "list";
  again["prevResult"] = chain.result();
  CHECK(node.add(pod, again).code() == 104);
  chain.must_del(pod);
  CHECK(node.left() == kNothing);
}
