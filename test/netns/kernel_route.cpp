#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel/address.h"
#include "kernel/route.h"
#include "kernel_world.h"
#include "support/lan.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

plan::Route route(const std::string& dst, const std::string& via = {}) {
  plan::Route made{{plan::Where::pod, kPodEnd}, net::Cidr::parse(dst), {}, {}, {}, {}, {}, {}};
  if (!via.empty()) made.via = net::Ip::parse(via);
  return made;
}

// A pod with 10.88.0.2/16 and fd88::2/64.
struct Routed : World {
  Routed() {
    make_bridge();
    make_veth();
    set_all_up();
    index = index_of(inner, kPodEnd);
    for (const char* text : {"10.88.0.2/16", "fd88::2/64"})
      add_address(batch, index, net::Cidr::parse(text), false, text);
    inner.send_or_throw(batch);
  }
  void add(const plan::Route& r) {
    add_route(batch, index, r, false, "route " + r.dst.str());
    inner.send_or_throw(batch);
  }
  std::uint32_t index = 0;
};

TEST_CASE("routes are what was asked for: gateway, metric, table, MTU, advertised MSS, scope", "[kernel][route]") {
  Routed w;
  w.add(route("0.0.0.0/0", "10.88.0.1"));
  w.add(route("::/0", "fd88::1"));
  plan::Route full = route("10.9.1.1/16", "10.88.0.1");  // host bits are dropped
  full.metric = 50;
  full.table = 1234;
  full.mtu = 1400;
  full.advmss = 1360;
  w.add(full);
  w.add(route("10.7.0.0/16"));
  plan::Route wide = route("10.6.0.0/16");
  wide.scope = 0;
  w.add(wide);
  w.add(route("fd09::/64"));
  w.add(route("10.5.0.0/16", "fe80::1"));  // IPv4 by an IPv6 neighbour

  const auto has_line = [&](const std::string& command, const std::string& line) {
    const std::string text = w.pod.must_exec(command);
    CAPTURE(text);
    CHECK(text.find(line) != std::string::npos);
  };
  has_line("ip route", "default via 10.88.0.1 dev eth0 proto static");
  has_line("ip -6 route", "default via fd88::1 dev eth0 proto static");
  has_line("ip route show table 1234",
           "10.9.0.0/16 via 10.88.0.1 dev eth0 proto static metric 50 mtu 1400 advmss 1360");
  has_line("ip route", "10.7.0.0/16 dev eth0 proto static scope link");
  has_line("ip route", "10.6.0.0/16 dev eth0 proto static \n");
  has_line("ip -6 route", "fd09::/64 dev eth0 proto static");
  has_line("ip route", "10.5.0.0/16 via inet6 fe80::1 dev eth0 proto static");

  const auto holds = [&](const plan::Route& r) { return has_route(w.inner, w.index, r); };
  CHECK(holds(route("0.0.0.0/0", "10.88.0.1")));
  CHECK(holds(route("::/0", "fd88::1")));
  CHECK(holds(full));
  CHECK(holds(route("10.7.0.0/16")));
  CHECK(holds(route("fd09::/64")));
  CHECK(holds(route("10.5.0.0/16", "fe80::1")));
}

TEST_CASE("a route with another gateway, length, table or device is not ours", "[kernel][route]") {
  Routed w;
  w.add(route("10.9.0.0/16", "10.88.0.1"));
  w.add(route("fd09::/64", "fd88::1"));
  CHECK_FALSE(has_route(w.inner, w.index, route("10.9.0.0/16", "10.88.0.3")));
  CHECK_FALSE(has_route(w.inner, w.index, route("10.9.0.0/16")));
  CHECK_FALSE(has_route(w.inner, w.index, route("10.9.0.0/17", "10.88.0.1")));
  CHECK_FALSE(has_route(w.inner, w.index, route("0.0.0.0/0", "10.88.0.1")));
  CHECK_FALSE(has_route(w.inner, w.index, route("fd09::/64", "fd88::3")));
  CHECK_FALSE(has_route(w.inner, w.index, route("::/0", "fd88::1")));
  CHECK_FALSE(has_route(w.inner, 1, route("10.9.0.0/16", "10.88.0.1")));
  CHECK_FALSE(has_route(w.inner, 4711, route("10.9.0.0/16", "10.88.0.1")));
  plan::Route elsewhere = route("10.9.0.0/16", "10.88.0.1");
  elsewhere.table = 77;  // there is no such table
  CHECK_FALSE(has_route(w.inner, w.index, elsewhere));
}

TEST_CASE("each gateway of an IPv6 route with several is found", "[kernel][route]") {
  Routed w;
  w.pod.must_exec("ip -6 route add fd0a::/64 nexthop via fd88::1 dev eth0 nexthop via fd88::5 dev eth0");
  CHECK(has_route(w.inner, w.index, route("fd0a::/64", "fd88::1")));
  CHECK(has_route(w.inner, w.index, route("fd0a::/64", "fd88::5")));
  CHECK_FALSE(has_route(w.inner, w.index, route("fd0a::/64", "fd88::6")));
}

TEST_CASE("the same route twice is refused, unless it was to be ensured; deleting twice is fine", "[kernel][route]") {
  Routed w;
  plan::Route r = GENERATE(route("10.9.0.0/16", "10.88.0.1"), route("fd09::/64", "fd88::1"), route("10.7.0.0/16"),
                           route("fd07::/64"));
  CAPTURE(r.dst.str());
  r.table = GENERATE(std::optional<std::uint32_t>(), std::optional<std::uint32_t>(5000));
  w.add(r);
  add_route(w.batch, w.index, r, true, "again");
  CHECK(w.inner.send(w.batch).empty());
  add_route(w.batch, w.index, r, false, "twice");
  const auto refused = w.inner.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].err == EEXIST);
  CHECK(has_route(w.inner, w.index, r));
  for (int i = 0; i < 2; ++i) {
    delete_route(w.batch, w.index, r, "delete");
    CHECK(w.inner.send(w.batch).empty());
    CHECK_FALSE(has_route(w.inner, w.index, r));
  }
}

TEST_CASE("an unreachable gateway is refused in the kernel's words", "[kernel][route]") {
  Routed w;
  CHECK_THROWS_WITH(w.add(route("0.0.0.0/0", "192.0.2.1")),
                    "route 0.0.0.0/0 (Nexthop has invalid gateway): Network is unreachable");
}

TEST_CASE("the way out is found by either family, and there may be none", "[kernel][route]") {
  const ScratchHost host;
  Socket socket = route_socket(host.netns());
  CHECK_FALSE(default_route_link(socket));
  const Lan lan(host);
  const auto uplink = get_link(socket, net::IfName::parse(Lan::kUplink))->index;
  CHECK(default_route_link(socket) == uplink);
  must_run("ip route del default");
  CHECK(default_route_link(socket) == uplink);
  must_run("ip -6 route del default");
  CHECK_FALSE(default_route_link(socket));
  for (const char* none : {"unreachable", "blackhole", "prohibit"}) {
    CAPTURE(none);
    must_run(std::string("ip route add ") + none + " default && ip -6 route add " + none + " default");
    CHECK_FALSE(default_route_link(socket));
    must_run("ip route del default; ip -6 route del default");
  }
  // A VPN that puts two halves before the default route.
  must_run(
      "ip link add vpn up type bridge && ip addr add 10.8.0.2/24 dev vpn && ip route add default via 192.0.2.1 && "
      "ip route add 0.0.0.0/1 dev vpn && ip route add 128.0.0.0/1 dev vpn");
  CHECK(default_route_link(socket) == get_link(socket, net::IfName::parse("vpn"))->index);
}

TEST_CASE("only default routes learned by router advertisement are told, each link once", "[kernel][route]") {
  const ScratchHost host;
  Socket socket = route_socket(host.netns());
  const Lan lan(host);
  CHECK(ra_default_links(socket).empty());
  must_run("ip -6 route add fd55::/64 dev uplink0 proto ra");
  CHECK(ra_default_links(socket).empty());
  must_run("ip -6 route add default via fe80::1 dev uplink0 proto ra metric 500");
  must_run("ip -6 route add default via fe80::2 dev uplink0 proto ra metric 600");
  must_run("ip link add second up type bridge && ip -6 route add default via fe80::1 dev second proto ra metric 700");
  const std::vector<std::uint32_t> both{get_link(socket, net::IfName::parse("uplink0"))->index,
                                        get_link(socket, net::IfName::parse("second"))->index};
  CHECK(ra_default_links(socket) == both);
}

}  // namespace

}  // namespace trestle::test
