// Pods with addresses of their own: sources verified, by one NIC only on request, and in the LAN's own subnet by proxy.
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using nlohmann::json;

TEST_CASE("a routed pod keeps its address, and no other leaves", "[modes][routed]") {
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.88.0.0/16");
  lan.route_to("fd88::/64");
  node.settle();
  const json conf = demo_with({{"mode", "routed"}, {"spoofCheck", false}});
  const Guest a(node, "a", conf);
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, a.ip6());
  check_reaches(lan.netns(), a.ip4(), Lan::kOutside4);
  check_reaches(lan.netns(), a.ip6(), Lan::kOutside6);
  // Without the guard, so that it is the switch's own rules that stop them.
  const std::string gateway = a.added().json.at("interfaces").at(0).at("mac");
  Wire pod(a.netns(), "eth0"), outside(lan.netns(), "eth0");
  for (const char* source : {"10.89.0.7", "198.51.100.9"})
    pod.send(ethernet(gateway, a.mac(), kEthIp4, ip4(source, Lan::kOutside4, 17, udp(4000, kEcho, "forged"))));
  pod.send(ethernet(gateway, a.mac(), kEthIp6, ip6("fd99::7", Lan::kOutside6, 17, udp(4000, kEcho, "forged"))));
  pod.send(ethernet(gateway, a.mac(), kEthIp4, ip4(a.ip4(), Lan::kOutside4, 17, udp(4000, kEcho, "honest"))));
  bool forged = false;
  CHECK(outside.wait(
      [&](const Frame& seen) {
        forged = forged || seen.bytes.find("forged") != std::string::npos;
        return !seen.outgoing && seen.bytes.find("honest") != std::string::npos;
      },
      2000));
  CHECK_FALSE(forged);
  leave_nothing(node, {&a});
}

TEST_CASE("a routed pod reaches the world from `allowedAddresses` beyond its subnet too, and from no others",
          "[modes][routed]") {
  Node node;
  const Lan lan(node.host());
  for (const char* subnet : {"10.88.0.0/16", "fd88::/64", "10.99.0.0/16", "fd99::/64", "10.98.0.0/16"})
    lan.route_to(subnet);
  node.settle();
  const json conf =
      demo_with({{"mode", "routed"},
                 {"allowedAddresses", {"10.99.1.0/24", "10.99.0.0/16", "fd99::/64", "10.88.9.9", "10.97.0.1"}}});
  const Guest a(node, "a", conf);
  a.pod().must_exec(
      "ip addr add 10.99.0.5/32 dev lo && ip addr add fd99::5/128 dev lo nodad && ip addr add 10.98.0.5/32 dev lo");
  must_run("ip route add 10.99.0.0/16 via " + a.ip4() + " && ip -6 route add fd99::/64 via " + a.ip6() +
           " && ip route add 10.98.0.0/16 via " + a.ip4());
  // To it, and so from it: the answers are what was dropped.
  for (const char* there : {"10.99.0.5", "fd99::5"}) {
    CHECK(ping(lan.netns(), there) == Reach::connected);
    CHECK(udp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
    CHECK(tcp_talk(lan.netns(), there, kEcho).reach == Reach::connected);
  }
  CHECK(ping(lan.netns(), "10.98.0.5", 300) != Reach::connected);
  must_run("ip route del 10.99.0.0/16 && ip -6 route del fd99::/64 && ip route del 10.98.0.0/16");
  must_run("nft delete element inet trestle also4-trdemo '{ 10.99.0.0/16 }'");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("also4-trdemo: 10.99.0.0/16: is gone"));
  CHECK(node.command({"repair"}).ok());
  CHECK(told(node.check(a.pod(), a.added(), conf)) == "0 ");
  leave_nothing(node, {&a});
}

TEST_CASE("with `uplink` a network leaves by that NIC alone", "[modes][uplink]") {
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.88.0.0/16");
  make_wire("other0", "far0");
  must_run(
      "ip netns add far && ip link set far0 netns far && ip addr add 203.0.113.1/24 dev other0 && ip -n far addr add "
      "203.0.113.2/24 dev far0 && ip -n far "
      "link set far0 "
      "up && ip -n far route add default via 203.0.113.1");
  node.settle();
  answer_without_limit();
  {
    const Echo echo(netns_at("/run/netns/far"), kEcho);
    const Guest a(node, "a", demo_with({{"mode", mode}, {"uplink", Lan::kUplink}}));
    CHECK(tcp_talk(a.netns(), Lan::kOutside4, kEcho).reach == Reach::connected);
    check_refused(a.netns(), "203.0.113.2");
    if (mode == "routed") check_refused(netns_at("/run/netns/far"), a.ip4());
    leave_nothing(node, {&a});
  }
  must_run("ip netns del far");
}

TEST_CASE("proxyArp: pods in the LAN's own subnet are answered for on the uplink", "[modes][routed]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json conf = other_conf("lanpods", "",
                               {{"mode", "routed"},
                                {"uplink", Lan::kUplink},
                                {"proxyArp", true},
                                {"subnets", {"192.0.2.64/28", "2001:db8::40/124"}}});
  const Guest a(node, "a", conf);
  check_reaches(lan.netns(), a.ip4(), Lan::kOutside4);
  check_reaches(lan.netns(), a.ip6(), Lan::kOutside6);
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, a.ip6());
  must_run("ip neigh del proxy " + a.ip4() + " dev " + Lan::kUplink);
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("proxy for " + a.ip4()));
  // A NIC that goes down and up (ifdown, a reset of its driver) takes the entries along: all pods were lost to the LAN until `trestle repair`.
  must_run(
      "ip link set uplink0 down && ip link set uplink0 up && ip addr replace 2001:db8::2/64 dev uplink0 nodad && "
      "ip route add default via 192.0.2.1 && ip -6 route add default via 2001:db8::1");
  CHECK(must_run("ip neigh show proxy") == "");
  const Guest b(node, "b", conf);
  CHECK_THAT(must_run("ip neigh show proxy"), Catch::Contains(a.ip4()) && Catch::Contains(a.ip6()));
  check_reaches(lan.netns(), a.ip4(), Lan::kOutside4);
  check_reaches(lan.netns(), a.ip6(), Lan::kOutside6);
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  b.leave();
  a.leave();
  CHECK(must_run("ip neigh show proxy") == "");
  must_run(std::string("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding"));
  CHECK(node.left() == kNothing);
}
