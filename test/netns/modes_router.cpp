// The router of the LAN that pods are in: its address and its MAC are no pod's. Others of the LAN cannot take a pod's place on the switch.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "support/frame.h"
#include "support/wire.h"
#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json lan() {
  json conf = demo_with({{"mode", "bridge"},
                         {"uplink", {{"links", {Lan::kUplink}}, {"takeAddresses", true}}},
                         {"subnets", {"192.0.2.0/24", "2001:db8::/64"}},
                         {"capabilities", {{"mac", true}, {"ips", true}}}});
  return conf;
}

std::string mac_on(const trestle::base::Fd& netns, const char* link) {
  const Inside inside(netns);
  return json::parse(must_run(std::string("ip -j link show ") + link))[0].at("address");
}

}  // namespace

TEST_CASE("bridge: the address of the host's router is no pod's, asked for or not", "[modes][bridge][router]") {
  Node node;
  const Lan there(node.host());
  must_run("ip route replace default via 192.0.2.3; ip -6 route replace default via 2001:db8::3 dev uplink0 metric 1");
  node.settle();
  const Guest a(node, "a", lan());
  CHECK(a.ip4() == "192.0.2.4");  // .2 is the host
  CHECK(a.ip6() == "2001:db8::4");
  for (const char* router : {"192.0.2.3/24", "2001:db8::3/64"}) {
    json asking = lan();
    asking["runtimeConfig"]["ips"] = {router};
    const Answer refused = node.add(Pod("b"), asking);
    CHECK_FALSE(refused.ok());
    CHECK_THAT(told(refused), Contains(std::string(router).substr(0, std::string(router).find('/'))));
  }
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("bridge: the MAC of the host's router is given to no pod", "[modes][bridge][router]") {
  const char* router = GENERATE("192.0.2.1", "2001:db8::1");
  const bool tap = GENERATE(false, true);
  CAPTURE(router, tap);
  Node node;
  const Lan there(node.host());
  must_run(std::string("ip route del default; ip -6 route del default; ip route add default via ") + router +
           " dev uplink0");
  node.settle();
  const Guest a(node, "a", lan());
  REQUIRE(ping(node.host().netns(), router) == Reach::connected);
  json asking = lan();
  asking["runtimeConfig"]["mac"] = mac_on(there.netns(), "eth0");
  if (tap) asking["device"] = "tap";
  const Answer refused = node.add(Pod("b"), asking);
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused), Contains("is that of the LAN's router " + std::string(router)));
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("bridge: a station of the LAN that sends with a pod's MAC does not move it, and nothing is left of it",
          "[modes][bridge][router]") {
  // The static entry went to the uplink with the first such frame: the pod was cut off, and its DEL did not find the entry.
  Node node;
  const Lan there(node.host());
  node.settle();
  const Guest a(node, "a", lan());
  const std::string entries = "bridge fdb show | grep -i " + a.mac() + " | grep -v self", before = must_run(entries);
  CHECK_THAT(before, Contains("static"));
  Wire wire(there.netns(), "eth0");
  for (int i = 0; i < 3; ++i) wire.send(ethernet("ff:ff:ff:ff:ff:ff", a.mac(), 0x88b5, "a frame of somebody else"));
  CHECK(must_run(entries) == before);
  CHECK(ping(there.netns(), a.ip4()) == Reach::connected);
  a.leave();
  CHECK(run("bridge fdb show | grep -i " + a.mac() + " | grep static").out.empty());
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("bridge: a pod with IPv4 alone believes no router; one without IPAM has its link-local address",
          "[modes][bridge][router]") {
  // It took an address and a default route from the LAN's router, and the guard dropped all that came of them.
  const bool ipam = GENERATE(true, false);
  CAPTURE(ipam);
  Node node;
  const Lan there(node.host());
  must_run("ip addr flush dev uplink0 scope global; ip link show uplink0");
  node.settle();
  json conf = demo_with({{"mode", "bridge"}, {"uplink", Lan::kUplink}});
  if (ipam)
    conf["subnets"] = {"192.0.2.0/24"};
  else
    conf.erase("subnets");
  const Guest a(node, "a", conf);
  const auto addresses = [&] { return a.pod().must_exec("ip -6 -o addr show dev eth0; ls /proc/self/ns"); };
  if (!ipam) CHECK_THAT(addresses(), Contains("fe80::"));
  Wire wire(there.netns(), "eth0");
  const std::string mac = mac_on(there.netns(), "eth0");
  const std::string prefix = std::string("\x03\x04\x40\xc0\0\0\x0e\x10\0\0\x0e\x10\0\0\0\0", 16) +
                             ip_bytes("2001:db8:5::");  // RFC 4861, 4.6.2: an hour, for addresses of one's own
  for (int i = 0; i < 3; ++i) {
    wire.send(ethernet("33:33:00:00:00:01", mac, kEthIp6,
                       ip6("fe80::99", "ff02::1", 58, router_advertisement(mac) + prefix, 255)));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK((addresses().find("2001:db8:5:") != std::string::npos) == !ipam);
  CHECK(told(node.check(a.pod(), a.added(), conf)) == "0 ");
  a.leave();
}
