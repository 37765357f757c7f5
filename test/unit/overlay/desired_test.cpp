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
  const auto steps = desired(*three(3).overlay);
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
  auto two = text(desired(*three(2).overlay));
  std::sort(two.begin(), two.end());
  CHECK(two == std::vector<std::string>{"host:vx42: 00:00:00:00:00:00 is at 192.0.2.12",
                                        "host:vx42: 00:00:00:00:00:00 is at 192.0.2.13"});
  CHECK(desired(*three(2, "evpn").overlay).empty());
  CHECK(desired(*three(2, "multicast").overlay).empty());
}

TEST_CASE("a next hop keeps its number while other peers come and go", "[overlay]") {
  auto conf = three(3);
  const auto before = of_kind<plan::Nexthop>(desired(*conf.overlay));
  conf.overlay->here->others.push_back({net::Ip::parse("192.0.2.14"), {net::Cidr::parse("10.51.4.0/24")}, "d"});
  const auto after = of_kind<plan::Nexthop>(desired(*conf.overlay));
  for (const auto& one : before) CHECK(std::find(after.begin(), after.end(), one) != after.end());
}

TEST_CASE("five thousand peers have five thousand next hops", "[overlay]") {
  auto conf = three(3);
  conf.overlay->here->others.clear();
  for (std::uint32_t i = 0; i < 5000; ++i)
    conf.overlay->here->others.push_back({net::Ip{net::Family::v4, 0x0ac80000U + i}, {}, {}});
  std::set<std::uint32_t> ids;
  for (const auto& one : of_kind<plan::Nexthop>(desired(*conf.overlay))) ids.insert(one.id);
  CHECK(ids.size() == 5000);
}

TEST_CASE("the difference: what is there and not wanted goes newest first, what is wanted and not there comes in order",
          "[overlay]") {
  const auto now = desired(*three(3).overlay);
  CHECK(difference(now, now).gone.empty());
  CHECK(difference(now, now).fresh.empty());
  CHECK(text(difference({}, now).fresh) == text(now));
  auto reversed = text(now);
  std::reverse(reversed.begin(), reversed.end());
  CHECK(text(difference(now, {}).gone) == reversed);
}

TEST_CASE("what changed between two lists is what the difference of all Steps says", "[overlay]") {
  std::uint32_t seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  const auto random = [&](std::uint32_t below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % below;
  };
  const bool direct = random(2) != 0;
  auto before = *three(3).overlay;
  before.direct = direct;
  before.here->segments = {net::Cidr::parse("10.200.0.0/25")};
  before.here->others.clear();
  for (std::uint32_t i = 0; i < 200; ++i)
    before.here->others.push_back({net::Ip{net::Family::v4, 0x0ac80000U + i},
                                   {net::Cidr{{net::Family::v4, 0x0a3c0000U + i * 256}, 24}},
                                   random(2) != 0 ? "n" + std::to_string(i) : ""});
  auto now = before;
  auto& list = now.here->others;
  for (int i = 0; i < 5; ++i) list.erase(list.begin() + random(static_cast<std::uint32_t>(list.size())));
  list.insert(list.begin(), {net::Ip::parse("10.201.0.1"), {net::Cidr::parse("10.99.0.0/24")}, "new"});
  list[50].vtep = net::Ip::parse("10.201.0.2");
  list[60].subnets = {net::Cidr::parse("10.98.0.0/24"), net::Cidr::parse("fd51:98::/64")};
  std::swap(list[70], list[80]);
  const auto sorted = [](std::vector<std::string> texts) {
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  const auto change = overlay::change(before, now);
  const auto all = difference(desired(before), desired(now));
  CHECK(sorted(text(change.steps.gone)) == sorted(text(all.gone)));
  CHECK(sorted(text(change.steps.fresh)) == sorted(text(all.fresh)));
  CHECK(change.gone.size() <= 7);
  CHECK(change.fresh.size() <= 3 + 1);
  CHECK(overlay::change(now, now).steps.fresh.empty());
}

TEST_CASE("past the tunnel go the peers of our own segment, and over IPv4 only IPv4", "[overlay][direct]") {
  auto overlay = *three(3).overlay;
  CHECK((overlay::a_nexthop(overlay) & 0xc0000000U) == 0x40000000U);
  overlay.direct = true;
  overlay.here->segments = {net::Cidr::parse("192.0.2.12/32")};
  const auto steps = desired(overlay);
  CHECK(of_kind<plan::Fdb>(steps).size() == 2);  // the tunnel stays ready for all
  const auto nexthops = of_kind<plan::Nexthop>(steps);
  REQUIRE(nexthops.size() == 3);
  CHECK(nexthops.back().via == net::Ip::parse("192.0.2.12"));
  CHECK(nexthops.back().dev == overlay.here->underlay);
  CHECK(nexthops.back().id == overlay::a_nexthop(overlay));
  std::size_t past = 0;
  for (const auto& route : of_kind<plan::Route>(steps))
    if (route.nexthop == nexthops.back().id) {
      ++past;
      CHECK(route.dst.ip.family == net::Family::v4);
    }
  CHECK(past == 1);
}

TEST_CASE("names and MACs of tunnel ends", "[overlay][names]") {
  CHECK(net::vtep_name(42, 4789).str() == "vx42");
  CHECK(net::vtep_name(42, 8472).str() == "vx42p8472");
  CHECK(net::vtep_name(16777215, 65535).str().size() <= 15);
  CHECK(net::vtep_name(16777215, 65535) != net::vtep_name(16777215, 65534));
  CHECK(net::vtep_mac(42, "a") != net::vtep_mac(43, "a"));
  CHECK(net::vtep_mac(42, "a").bytes[0] == 0x02);
}
