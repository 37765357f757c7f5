// No path to the host, to the outside or to others; and the two ways to narrow a network further.
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "net/names.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle;
using namespace trestle::test;
using nlohmann::json;

namespace {

json isolated(const json& more = json::object()) {
  json conf = demo_with({{"mode", "isolated"}});
  conf.update(more);
  return conf;
}

}  // namespace

TEST_CASE("an isolated switch has no address, no IPv6, no route, and no frame between host and pod",
          "[modes][isolated]") {
  const bool bridge_nf = GENERATE(false, true);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Guest a(node, "a", isolated()), b(node, "b", isolated());
  CHECK(must_run("ip -o addr show dev trdemo") == "");
  CHECK(must_run("ip route show dev trdemo; ip -6 route show dev trdemo") == "");
  CHECK(must_run("cat /proc/sys/net/ipv6/conf/trdemo/disable_ipv6") == "1\n");
  CHECK(must_run("cat /proc/sys/net/ipv4/ip_forward") == "0\n");  // not this network's business
  CHECK(a.pod().must_exec("ip route show default; ip -6 route show default") == "");
  CHECK_FALSE(a.added().json.contains("routes"));
  check_reaches(a.netns(), b.ip4(), a.ip4());
  check_reaches(a.netns(), b.ip6(), a.ip6());
  // Somebody gives the host an address there: still not a frame passes, either way.
  must_run("ip addr add 10.88.0.1/16 dev trdemo");
  Wire host(node.host().netns(), "trdemo"), pod(a.netns(), "eth0");
  CHECK(ping(a.netns(), "10.88.0.1", 300) != Reach::connected);
  CHECK(ping(node.host().netns(), a.ip4(), 300) != Reach::connected);
  CHECK(tcp_talk(node.host().netns(), a.ip4(), kEcho, 300).reach != Reach::connected);
  CHECK_FALSE(host.wait([](const Frame& seen) { return !seen.outgoing; }, 0));
  const std::string bridge_mac = mac_bytes(net::switch_mac(net::IfName::parse("trdemo")).str());
  CHECK_FALSE(pod.wait([&](const Frame& seen) { return !seen.outgoing && seen.bytes.substr(6, 6) == bridge_mac; }, 0));
  must_run("ip addr del 10.88.0.1/16 dev trdemo");
  leave_nothing(node, {&a, &b});
}

TEST_CASE("hostAccess gives an isolated switch the host, whole or by ports, and nothing beyond", "[modes][isolated]") {
  const bool all = GENERATE(false, true);
  Node node;
  const Lan lan(node.host());
  node.settle();
  answer_without_limit();
  const Echo echo(node.host().netns(), kEcho), dns(node.host().netns(), 53);
  const Guest a(node, "a", isolated({{"hostAccess", all ? json(true) : json({"53/udp", "53/tcp"})}}));
  for (const char* gateway : {"10.88.0.1", "fd88::1"}) {
    CAPTURE(gateway);
    CHECK(udp_talk(a.netns(), gateway, 53).reach == Reach::connected);
    CHECK(tcp_talk(a.netns(), gateway, 53).reach == Reach::connected);
    CHECK(tcp_talk(a.netns(), gateway, kEcho).reach == (all ? Reach::connected : Reach::refused));
  }
  a.pod().must_exec("ip route add default via 10.88.0.1; ip -6 route add default via fd88::1");
  must_run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  check_refused(a.netns(), Lan::kOutside4);
  check_refused(a.netns(), Lan::kOutside6);
  must_run("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  leave_nothing(node, {&a});
}

TEST_CASE("portIsolation keeps the pods of one switch apart, through the host too, and nothing else from them",
          "[modes][isolation]") {
  const std::string mode = GENERATE("nat", "routed", "isolated");
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(mode, bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Lan lan(node.host());
  lan.route_to("10.88.0.0/16");
  lan.route_to("fd88::/64");
  node.settle();
  answer_without_limit();
  const json conf = demo_with({{"mode", mode}, {"portIsolation", true}});
  const Guest a(node, "a", conf), b(node, "b", conf);
  // By the gateway instead of directly, as a pod would that knows how the guard is built.
  if (mode != "isolated")
    a.pod().must_exec("ip route add " + b.ip4() + " via 10.88.0.1; ip -6 route add " + b.ip6() + " via fd88::1");
  for (const std::string& to : b.addresses()) {
    CAPTURE(to);
    CHECK(ping(a.netns(), to, 300) != Reach::connected);
    CHECK(tcp_talk(a.netns(), to, kEcho, 300).reach != Reach::connected);
  }
  if (mode != "isolated") {
    CHECK(tcp_talk(a.netns(), Lan::kOutside4, kEcho).reach == Reach::connected);
    CHECK(tcp_talk(a.netns(), Lan::kOutside6, kEcho).reach == Reach::connected);
    CHECK(tcp_talk(node.host().netns(), a.ip4(), kEcho).reach == Reach::connected);
  }
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("bridge link set dev " + a.host_link() + " isolated off");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("isolated"));
  must_run("bridge link set dev " + a.host_link() + " isolated on");
  leave_nothing(node, {&a, &b});
}
