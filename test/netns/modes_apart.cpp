// portIsolation and hostAccess where the host's own routing leads around them (found by a user who set routes in the pods).
#include <catch2/catch.hpp>

#include "chained_conf.h"
#include "nat_guest.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

void forward() { must_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"); }

// Both ways, as the pods' roots would set it: the neighbour by the host.
void lead_by(const Guest& a, const Guest& b, const std::string& gateway4, const std::string& gateway6) {
  a.pod().must_exec("ip route add " + b.ip4() + "/32 via " + gateway4 + " && ip route show");
  b.pod().must_exec("ip route add " + a.ip4() + "/32 via " + gateway4 + " && ip route show");
  if (gateway6.empty()) return;
  a.pod().must_exec("ip -6 route add " + b.ip6() + "/128 via " + gateway6 + " && ip -6 route show");
  b.pod().must_exec("ip -6 route add " + a.ip6() + "/128 via " + gateway6 + " && ip -6 route show");
}

void check_apart(const Guest& a, const std::string& there) {
  CAPTURE(there);
  CHECK(ping(a.netns(), there, 300) != Reach::connected);
  CHECK(tcp_talk(a.netns(), there, kEcho, 300).reach != Reach::connected);
  CHECK(udp_talk(a.netns(), there, kEcho, 300).reach != Reach::connected);
}

}  // namespace

TEST_CASE("isolated pods that are apart do not meet through the host either", "[modes][apart]") {
  const auto access = GENERATE(values<json>({true, json::array({"53/udp"})}));
  Node node;
  forward();
  node.settle();
  const json conf = demo_with({{"mode", "isolated"}, {"portIsolation", true}, {"hostAccess", access}});
  const Guest a(node, "a", conf), b(node, "b", conf);
  lead_by(a, b, "10.88.0.1", "fd88::1");
  check_apart(a, b.ip4());
  check_apart(a, b.ip6());
  leave_nothing(node, {&a, &b});
}

TEST_CASE("the host does not reach an isolated pod for which it has some ports open", "[modes][apart]") {
  Node node;
  const json conf = demo_with({{"mode", "isolated"}, {"hostAccess", {"53/udp"}}});
  const Echo dns(node.host().netns(), 53);
  const Guest a(node, "a", conf);
  CHECK(udp_talk(a.netns(), "10.88.0.1", 53).reach == Reach::connected);
  for (const std::string& there : {a.ip4(), a.ip6()}) {
    CHECK(ping(node.host().netns(), there, 300) != Reach::connected);
    CHECK(tcp_talk(node.host().netns(), there, kEcho, 300).reach != Reach::connected);
    CHECK(udp_talk(node.host().netns(), there, kEcho, 300).reach != Reach::connected);
  }
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  leave_nothing(node, {&a});
}

TEST_CASE("bridged pods that are apart do not meet through the host that lives on their switch", "[modes][apart]") {
  const bool bridge_nf = GENERATE(false, true);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Lan lan(node.host());
  forward();
  node.settle();
  json conf = demo_with({{"mode", "bridge"},
                         {"portIsolation", true},
                         {"uplink", {{"links", {"uplink0"}}, {"takeAddresses", true}}},
                         {"ipam", {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}}}});
  conf.erase("subnets");
  {
    const Guest a(node, "a", conf), b(node, "b", conf);
    lead_by(a, b, Lan::kHost4, "");
    check_apart(a, b.ip4());
    CHECK(ping(a.netns(), Lan::kHost4) == Reach::connected);
    CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
    CHECK(tcp_talk(lan.netns(), a.ip4(), kEcho).reach == Reach::connected);
    CHECK(node.check(a.pod(), a.added(), conf).ok());
    node.must_del(a.pod(), conf);
    node.must_del(b.pod(), conf);
  }
  CHECK(node.command({"uplink", "release", "trdemo"}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("pods that are apart do not meet by way of the host, whichever of its MACs they send to", "[modes][apart]") {
  // The host takes what is sent to any port's MAC: that of a pod's own host end led to its neighbours, and so did the bridge's own once a port with
  // a lower one had joined.
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  forward();
  const Pod lan("l");
  const Echo echo(lan.netns());
  must_run(
      "ip link add br-lan type bridge && ip addr add 10.70.0.1/24 dev br-lan && ip addr add fd70::1/64 dev br-lan nodad"
      " && ip link set br-lan up && ip link add p0 type veth peer name eth0 netns l && ip link set p0 master br-lan "
      "up");
  lan.must_exec("ip addr add 10.70.0.2/24 dev eth0 && ip addr add fd70::2/64 dev eth0 nodad && ip link set eth0 up");
  node.settle();
  json conf = demo_with({{"mode", "bridge"}, {"bridge", "br-lan"}, {"portIsolation", true}});
  conf.erase("subnets");
  conf["ipam"] = {{"ranges",
                   {{{{"subnet", "10.70.0.0/24"}, {"rangeStart", "10.70.0.10"}, {"gateway", "10.70.0.1"}}},
                    {{{"subnet", "fd70::/64"}, {"rangeStart", "fd70::10"}, {"gateway", "fd70::1"}}}}}};
  const Guest a(node, "a", conf), b(node, "b", conf);
  lead_by(a, b, "10.70.0.1", "fd70::1");
  const auto meet_nowhere = [&] {
    for (const std::string& link : {std::string("br-lan"), std::string("p0"), a.host_link(), b.host_link()}) {
      CAPTURE(link);
      const std::string mac = json::parse(must_run("ip -j link show dev " + link))[0].at("address");
      for (const Guest* pod : {&a, &b})
        for (const char* router : {"10.70.0.1", "fd70::1"})
          pod->pod().must_exec("ip neigh replace " + std::string(router) + " lladdr " + mac +
                               " dev eth0 nud permanent");
      check_apart(a, b.ip4());
      check_apart(a, b.ip6());
      for (const Guest* pod : {&a, &b}) pod->pod().must_exec("ip neigh flush all nud permanent");
    }
    // All else is as it was, by the switch and by the host.
    for (const char* there : {"10.70.0.1", "10.70.0.2", "fd70::1", "fd70::2"})
      CHECK(ping(a.netns(), there) == Reach::connected);
    for (const std::string& there : a.addresses()) {
      CHECK(tcp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
      CHECK(udp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
    }
    CHECK(tcp_talk(a.netns(), "10.70.0.2", kEcho).reach == Reach::connected);
    CHECK(udp_talk(a.netns(), "fd70::2", kEcho).reach == Reach::connected);
  };
  meet_nowhere();
  must_run(
      "ip link add low type veth peer name lowest && ip link set low address 02:00:00:00:00:01"
      " && ip link set low master br-lan up && ip link set lowest up");
  CHECK_THAT(must_run("ip link show dev br-lan"), Contains("02:00:00:00:00:01"));
  meet_nowhere();
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("ip link del low");
  a.leave();
  b.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("behind another plugin's bridge portIsolation holds through its gateway too", "[modes][apart]") {
  Node node;
  forward();
  node.settle();
  const Pod a("a"), b("b");
  Chain one(node, {debian_bridge(), behind({{"portIsolation", true}})}),
      two(node, {debian_bridge(), behind({{"portIsolation", true}})});
  const json first = one.must_add(a), second = two.must_add(b);
  const auto address = [](const json& result) {
    const std::string text = result.at("ips").at(0).at("address");
    return text.substr(0, text.find('/'));
  };
  const std::string here = address(first), there = address(second);
  a.must_exec("ip route add " + there + "/32 via 10.66.0.1 && ip route show");
  b.must_exec("ip route add " + here + "/32 via 10.66.0.1 && ip route show");
  CHECK(ping(a.netns(), there, 300) != Reach::connected);
  CHECK(ping(a.netns(), "10.66.0.1") == Reach::connected);
  CHECK(one.check(a).ok());
  one.must_del(a);
  two.must_del(b);
  must_run("ip link del cbr0; ip link show | head -1");
  CHECK(node.left() == kNothing);
}

TEST_CASE("an ADD on a new switch notices that the tables of the others were flushed", "[modes][apart][flush]") {
  Node node;
  const Guest a(node, "a");
  must_run("nft flush ruleset");
  const Pod b("b");
  const json other = other_conf("other", "10.93.0.0/24");
  node.must_add(b, other);
  const Answer checked = node.check(a.pod(), a.added());
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK(node.command({"check"}).ok());
  node.must_del(b, other);
  leave_nothing(node, {&a});
}

TEST_CASE("br_netfilter before published ports of pods that are apart is named, with the remedy", "[modes][apart]") {
  Node node;
  NEEDS_KERNEL(set_bridge_nf(true), "br_netfilter");
  json conf = demo_with({{"portIsolation", true}, {"capabilities", {{"portMappings", true}}}});
  conf["runtimeConfig"] = {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 7}, {"protocol", "tcp"}}}}};
  const Guest a(node, "a", conf);
  const std::string said = "net.bridge.bridge-nf-call-iptables=0";
  CHECK_THAT(node.command({"check"}).err, Contains("do not reach ports") && Contains(said));
  CHECK_THAT(node.status(conf).err, Contains("do not reach ports") && Contains(said));
  set_bridge_nf(false);
  CHECK_THAT(node.command({"check"}).err, !Contains(said));
  leave_nothing(node, {&a});
}
