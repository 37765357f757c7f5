// Behind Debian's bridge and ptp, and before its tuning, portmap and firewall.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "chained_conf.h"
#include "nat_guest.h"
#include "publish_conf.h"
#include "shape_conf.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

bool installed() { return ::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) == 0; }
#define NEEDS_DEBIANS_PLUGINS SKIP_IF(!installed(), "containernetworking-plugins is not installed")

std::string ip_of(const json& result, std::size_t which = 0) {
  const std::string cidr = result.at("ips").at(which).at("address");
  return cidr.substr(0, cidr.find('/'));
}
// The end on the host of the pair whose other end is "eth0" of a pod.
std::string host_end(const json& result) {
  for (const json& interface : result.at("interfaces"))
    if (interface.value("sandbox", "").empty() && std::string(interface.at("name")).starts_with("veth"))
      return interface.at("name");
  return {};
}

json capable(const json& members = json::object()) {
  json out = behind({{"capabilities", {{"portMappings", true}, {"bandwidth", true}}}});
  out.update(members);
  return out;
}
json asked(const json& ports, const json& bandwidth = json::object()) {
  json out{{"portMappings", ports}};
  if (!bandwidth.empty()) out["bandwidth"] = bandwidth;
  return out;
}

std::string said(const Answer& answer) { return answer.json.value("msg", ""); }

// What Debian's bridge leaves when its last pod is gone, and what host-local keeps.
void sweep_up() { run("ip link del cbr0; rm -rf /run/host-local"); }

void check_clean(Node& node) {
  sweep_up();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}

}  // namespace

TEST_CASE("behind Debian's bridge: the pod sends as itself alone, its ports are published, its rate is limited",
          "[chained]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.66.0.0/24");
  node.settle();
  const Pod pod("a"), plain("b");
  const Echo echo(pod.netns()), other(plain.netns());
  Chain chain(node, {debian_bridge(), capable()}, asked(both_protocols(8080), limits(20 * kMbit, 20 * kMbit)));
  Chain without(node, {debian_bridge()});
  without.must_add(plain);
  const json alone = without.result();
  const json& result = chain.must_add(pod);
  CHECK(result.at("interfaces").size() == 3);
  CHECK(result.at("ips").size() == 1);
  CHECK(result.at("routes").size() == 1);
  const std::string ip = ip_of(result), neighbour = ip_of(alone), link = host_end(result);

  check_reaches(pod.netns(), Lan::kOutside4, ip);
  check_reaches(pod.netns(), neighbour, ip);
  check_reaches(plain.netns(), ip, neighbour);
  for (const auto* from : {&lan.netns(), &node.host().netns(), &plain.netns(), &pod.netns()}) {
    CHECK(tcp_talk(*from, Lan::kHost4, 8080).reach == Reach::connected);
    CHECK(udp_talk(*from, Lan::kHost4, 8080).reach == Reach::connected);
  }
  CHECK(tcp_talk(node.host().netns(), "127.0.0.1", 8080).reach == Reach::connected);
  CHECK_THAT(must_run("tc qdisc show dev " + link), Contains("tbf 7472: root") && Contains("rate 20Mbit"));

  // Frames of another's MAC, of another's address; its own arrive.
  Wire from(pod.netns(), "eth0"), to(plain.netns(), "eth0");
  const std::string mac = result.at("interfaces").at(2).at("mac"), its = alone.at("interfaces").at(2).at("mac");
  const auto arrives = [&](const std::string& source, const std::string& address, const std::string& text) {
    from.send(ethernet(its, source, kEthIp4, ip4(address, neighbour, 17, udp(4000, 4000, text))));
    return to.wait_for(text, 300).has_value();
  };
  CHECK(arrives(mac, ip, "as itself"));
  CHECK_FALSE(arrives("02:99:99:99:99:99", ip, "other MAC"));
  CHECK_FALSE(arrives(mac, "10.66.0.99", "other address"));
  CHECK_FALSE(arrives(mac, neighbour, "as the neighbour"));

  const Answer checked = chain.check(pod);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK(node.records().size() == 1);
  chain.must_del(pod);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080, 300).reach != Reach::connected);
  without.must_del(plain);
  check_clean(node);
}

TEST_CASE("behind Debian's bridge: CHECK tells what is gone, and repair mends it", "[chained][check]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Pod pod("a");
  const Echo echo(pod.netns());
  Chain chain(node, {debian_bridge(), capable()}, asked(both_protocols(8080), limits(20 * kMbit, 20 * kMbit)));
  const std::string link = host_end(chain.must_add(pod));
  const auto& [command, says] = GENERATE(values<std::pair<const char*, const char*>>({
      {"nft flush ruleset", "trestle"},
      {"nft delete table inet trestle", "trestle"},
      {"tc qdisc del dev $LINK root", "the limit of $LINK is gone"},
      {"bridge link set dev $LINK isolated on", "isolated"},
      {"bridge link set dev $LINK guard off", "guard"},
  }));
  std::string text = command, told_of = says;
  for (std::string* of : {&text, &told_of})
    if (const auto at = of->find("$LINK"); at != std::string::npos) of->replace(at, 5, link);
  CAPTURE(text);
  must_run(text);
  const Answer checked = chain.check(pod);
  CHECK(checked.code() == 105);
  CHECK_THAT(told(checked), Contains(told_of));
  const Ran repaired = node.command({"repair"});
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  const Answer again = chain.check(pod);
  CAPTURE(told(again));
  CHECK(again.ok());
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
  chain.must_del(pod);
  check_clean(node);
}

TEST_CASE("a DEL of ours alone takes back all that ours put on another's link", "[chained]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Pod pod("a");
  const Echo echo(pod.netns());
  const bool hairpin = GENERATE(false, true);  // as the other plugin has set it
  CAPTURE(hairpin);
  json bridge = debian_bridge();
  bridge["hairpinMode"] = hairpin;
  const std::string localnet = "cat /proc/sys/net/ipv4/conf/cbr0/route_localnet";
  if (hairpin) must_run("ip link add cbr0 type bridge && sysctl -qw net.ipv4.conf.cbr0.route_localnet=1");
  Chain both(node, {bridge, capable({{"portIsolation", true}})},
             asked(both_protocols(8080), limits(20 * kMbit, 20 * kMbit)));
  const json result = both.must_add(pod);
  const std::string link = host_end(result), qdiscs = "tc qdisc show dev " + link,
                    flags = "bridge -d link show dev " + link;
  CHECK_THAT(must_run(flags), Contains("isolated on") && Contains("guard on") && Contains("hairpin on"));
  CHECK(must_run(localnet) == "1\n");
  json own = capable();
  own["cniVersion"] = "1.0.0";
  own["name"] = "list";
  node.must_del(pod, own);
  CHECK_THAT(must_run(flags), Contains("isolated off") && Contains("guard off") && Contains("learning on") &&
                                  Contains(hairpin ? "hairpin on" : "hairpin off"));
  CHECK(must_run("bridge fdb show dev " + link + " | grep static || true").empty());
  CHECK_THAT(must_run(qdiscs), !Contains("tbf") && !Contains("ingress"));
  // It stayed 1 when the rules that make it harmless were gone: pods of that bridge reached the host's 127.0.0.1.
  CHECK(must_run(localnet) == (hairpin ? "1\n" : "0\n"));
  CHECK(node.records().empty());
  CHECK(node.host().netns().valid());
  CHECK(tcp_talk(node.host().netns(), ip_of(result), kEcho).reach == Reach::connected);
  both.must_del(pod);
  check_clean(node);
}

TEST_CASE("behind Debian's ptp: ports and rates; what is sent cannot be checked there, and that is said", "[chained]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.67.0.0/24");
  node.settle();
  const Pod pod("a");
  const Echo echo(pod.netns());
  const json runtime = asked(both_protocols(8080), limits(20 * kMbit, 20 * kMbit));
  Chain guarded(node, {debian_ptp(), capable()}, runtime);
  const Answer refused = guarded.add(pod);
  CHECK(refused.code() == 7);
  CHECK_THAT(said(refused), Contains("\"spoofCheck\": false"));
  guarded.must_del(pod);
  Chain chain(node, {debian_ptp(), capable({{"spoofCheck", false}})}, runtime);
  const json& result = chain.must_add(pod);
  check_reaches(pod.netns(), Lan::kOutside4, ip_of(result));
  for (const auto* from : {&lan.netns(), &node.host().netns(), &pod.netns()})
    CHECK(tcp_talk(*from, Lan::kHost4, 8080).reach == Reach::connected);
  CHECK_THAT(must_run("tc qdisc show dev " + host_end(result)), Contains("tbf 7472: root"));
  const Answer checked = chain.check(pod);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  chain.must_del(pod);
  check_clean(node);
}

TEST_CASE("GC takes what a lost pod of a chain had", "[chained][gc]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  node.settle();
  Chain chain(node, {debian_bridge(), capable()}, asked(both_protocols(8080), limits(20 * kMbit, 20 * kMbit)));
  Pod pod("a");
  const std::string link = host_end(chain.must_add(pod));
  pod.remove();
  wait_gone(link);
  CHECK(node.gc(json::array(), "list").ok());
  check_clean(node);
}

TEST_CASE("what cannot be chained onto is refused with the way out, and nothing is changed", "[chained]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Pod pod("a");
  SECTION("a mode that makes an interface of its own") {
    Chain chain(node, {debian_bridge(), behind({{"mode", "nat"}, {"subnets", {"10.88.0.0/16"}}})});
    const Answer answer = chain.add(pod);
    CHECK(answer.code() == 7);
    CHECK_THAT(said(answer), Contains("leave out \"mode\""));
    chain.must_del(pod);
  }
  SECTION("no interface, and nothing of a network either") {
    Chain chain(node, {behind()});
    const Answer answer = chain.add(pod);
    CHECK(answer.code() == 7);
    CHECK_THAT(said(answer), Contains("\"subnets\""));
  }
  SECTION("trestle's own pod") {
    Chain chain(node, {behind({{"subnets", {"10.88.0.0/16"}}}), behind()});
    const Answer answer = chain.add(pod);
    CHECK(answer.code() == 7);
    CHECK_THAT(said(answer), Contains("trestle's own"));
    chain.must_del(pod);
  }
  check_clean(node);
}

TEST_CASE("before Debian's tuning and portmap and firewall", "[chained]") {
  NEEDS_DEBIANS_PLUGINS;
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Pod pod("a");
  const Echo echo(pod.netns());
  SECTION("tuning: another MAC, MTU and a sysctl") {
    Chain chain(node, {behind({{"subnets", {"10.88.0.0/16"}}, {"spoofCheck", false}}),
                       {{"type", "tuning"}, {"mtu", 1400}, {"sysctl", {{"net.ipv4.conf.eth0.log_martians", "1"}}}}});
    chain.must_add(pod);
    CHECK_THAT(pod.must_exec("ip link show dev eth0"), Contains("mtu 1400"));
    check_reaches(pod.netns(), Lan::kOutside4, Lan::kHost4);
    const Answer checked = chain.check(pod);
    CAPTURE(told(checked));
    CHECK(checked.ok());
    chain.must_del(pod);
  }
  SECTION("portmap: its DNAT leads to the pod") {
    SKIP_IF(!run("command -v iptables").ok(), "iptables is not installed");
    if (!run("iptables -t nat -L").ok()) return lacks("this kernel has no nat table that iptables can use");
    Chain chain(
        node,
        {behind({{"subnets", {"10.88.0.0/16"}}}), {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}}},
        asked(json::array({mapping(8080, 7, "tcp")})));
    chain.must_add(pod);
    CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
    // No CHECK: that of portmap 1.1.1 looks for rules of the other family, behind whatever plugin.
    chain.must_del(pod);
    run("for t in filter nat mangle; do iptables -t $t -F; iptables -t $t -X; done; nft flush ruleset");
  }
  SECTION("firewall: its ACCEPT rules name the pod's address") {
    SKIP_IF(!run("command -v iptables").ok(), "iptables is not installed");
    if (!run("iptables -L").ok()) return lacks("this kernel has no filter table that iptables can use");
    must_run("iptables -P FORWARD DROP");
    Chain chain(node, {behind({{"subnets", {"10.88.0.0/16"}}}), {{"type", "firewall"}, {"backend", "iptables"}}});
    const json& result = chain.must_add(pod);
    CAPTURE(result.dump());
    check_reaches(pod.netns(), Lan::kOutside4, Lan::kHost4);
    const Answer checked = chain.check(pod);
    CAPTURE(told(checked));
    CHECK(checked.ok());
    chain.must_del(pod);
    run("iptables -P FORWARD ACCEPT; iptables -F; iptables -X; nft flush ruleset");
  }
  check_clean(node);
}
