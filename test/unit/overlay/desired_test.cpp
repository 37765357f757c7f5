#include "overlay/desired.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "conf.h"
#include "net/names.h"
#include "plan/plan.h"

using namespace trestle;
using namespace trestle::test;
using overlay::desired;
using overlay::difference;

namespace {

std::vector<std::string> text(const std::vector<plan::Step>& steps) {
  std::vector<std::string> out;
  for (const plan::Step& step : steps) out.push_back(plan::describe(step));
  return out;
}

template <class S>
std::vector<S> of_kind(const std::vector<plan::Step>& steps) {
  std::vector<S> out;
  for (const plan::Step& step : steps)
    if (const auto* one = std::get_if<S>(&step)) out.push_back(*one);
  return out;
}

}  // namespace

TEST_CASE("layer 3: per peer one FDB entry, one neighbour, one next hop, a route per subnet", "[overlay]") {
  const auto steps = desired(three(3));
  CHECK(of_kind<plan::Fdb>(steps).size() == 2);
  CHECK(of_kind<plan::Neighbour>(steps).size() == 2);
  const auto nexthops = of_kind<plan::Nexthop>(steps);
  REQUIRE(nexthops.size() == 2);
  CHECK(nexthops[0].id != nexthops[1].id);
  CHECK((nexthops[0].id & 0xc0000000U) == 0x40000000U);
  const net::Mac b = net::vtep_mac(42, "b"), c = net::vtep_mac(42, "192.0.2.13");
  std::set<net::Ip> vias;
  for (const auto& nexthop : nexthops) vias.insert(nexthop.via);
  CHECK(vias == std::set<net::Ip>{net::link_local(b), net::link_local(c)});
  const auto routes = of_kind<plan::Route>(steps);
  REQUIRE(routes.size() == 4);
  for (const auto& route : routes) {
    CHECK(route.nexthop);
    CHECK(route.source.has_value() == (route.dst.ip.family == net::Family::v4));  // as the underlay
  }
}

TEST_CASE("layer 2: where frames for everybody go; other control planes need no list", "[overlay]") {
  CHECK(text(desired(three(2))) == std::vector<std::string>{"host:vx42: 00:00:00:00:00:00 is at 192.0.2.12",
                                                            "host:vx42: 00:00:00:00:00:00 is at 192.0.2.13"});
  CHECK(desired(three(2, "evpn")).empty());
  CHECK(desired(three(2, "multicast")).empty());
}

TEST_CASE("a next hop keeps its number while other peers come and go", "[overlay]") {
  auto conf = three(3);
  const auto before = of_kind<plan::Nexthop>(desired(conf));
  conf.overlay->here->others.push_back({net::Ip::parse("192.0.2.14"), {net::Cidr::parse("10.51.4.0/24")}, "d"});
  const auto after = of_kind<plan::Nexthop>(desired(conf));
  for (const auto& one : before) CHECK(std::find(after.begin(), after.end(), one) != after.end());
}

TEST_CASE("five thousand peers have five thousand next hops", "[overlay]") {
  auto conf = three(3);
  conf.overlay->here->others.clear();
  for (std::uint32_t i = 0; i < 5000; ++i)
    conf.overlay->here->others.push_back({net::Ip{net::Family::v4, 0x0ac80000U + i}, {}, {}});
  std::set<std::uint32_t> ids;
  for (const auto& one : of_kind<plan::Nexthop>(desired(conf))) ids.insert(one.id);
  CHECK(ids.size() == 5000);
}

TEST_CASE("the difference: what is there and not wanted goes newest first, what is wanted and not there comes in order",
          "[overlay]") {
  const auto now = desired(three(3));
  CHECK(difference(now, now).gone.empty());
  CHECK(difference(now, now).fresh.empty());
  CHECK(text(difference({}, now).fresh) == text(now));
  auto reversed = text(now);
  std::reverse(reversed.begin(), reversed.end());
  CHECK(text(difference(now, {}).gone) == reversed);
}

TEST_CASE("names and MACs of tunnel ends", "[overlay][names]") {
  CHECK(net::vtep_name(42, 4789).str() == "vx42");
  CHECK(net::vtep_name(42, 8472).str() == "vx42p8472");
  CHECK(net::vtep_name(16777215, 65535).str().size() <= 15);
  CHECK(net::vtep_name(16777215, 65535) != net::vtep_name(16777215, 65534));
  CHECK(net::vtep_mac(42, "a") != net::vtep_mac(43, "a"));
  CHECK(net::vtep_mac(42, "a").bytes[0] == 0x02);
}
