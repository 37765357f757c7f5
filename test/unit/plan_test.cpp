#include <catch2/catch.hpp>

#include "plan/plan.h"

using namespace trestle;
using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Table;
using plan::Where;

namespace {

net::IfName name(const char* text) { return net::IfName::parse(text); }
net::Cidr cidr(const char* text) { return net::Cidr::parse(text); }
plan::Bridge bridge(std::uint32_t mtu) { return {name("tr0"), net::Mac::parse("02:00:00:00:00:01"), mtu, 7}; }
Elements prefixes(const char* prefix) { return {Table::inet, "net4-tr0", {Element{{cidr(prefix)}, {}}}}; }

}  // namespace

TEST_CASE("a step reads as one line that names its object", "[plan]") {
  const plan::LinkRef eth0{Where::pod, name("eth0")};
  CHECK(describe(plan::Sysctl{Where::host, "net/ipv4/ip_forward", "1"}) == "host: sysctl net/ipv4/ip_forward = 1");
  CHECK(describe(bridge(1500)) == "host:tr0: bridge, MAC 02:00:00:00:00:01, MTU 1500");
  CHECK(describe(plan::Up{eth0}) == "pod:eth0: up");
  CHECK(describe(plan::Address{eth0, cidr("10.88.0.2/16")}) == "pod:eth0: address 10.88.0.2/16");
  CHECK(describe(plan::Route{eth0, cidr("0.0.0.0/0"), net::Ip::parse("10.88.0.1"), {}, 5, {}, {}, {}}) ==
        "pod:eth0: route 0.0.0.0/0 via 10.88.0.1 metric 5");
  CHECK(describe(plan::Port{name("veth0"), true, false, true}) == "host:veth0: port, hairpin guard");
  CHECK(
      describe(Elements{Table::bridge, "mac", {Element{{name("veth0"), net::Mac::parse("02:00:00:00:00:02")}, {}}}}) ==
      "host: elements of bridge mac: \"veth0\" . 02:00:00:00:00:02");
  CHECK(describe(Elements{Table::inet, "leave", {Element{{name("tr0")}, "leave-tr0"}}}) ==
        "host: elements of inet leave: \"tr0\" : jump leave-tr0");
}

TEST_CASE("the digest of equal steps is equal, and stays so over releases", "[plan]") {
  CHECK(plan::digest({bridge(1500)}) == plan::digest({bridge(1500)}));
  CHECK(plan::digest({bridge(1500)}) != plan::digest({bridge(1400)}));
  // Parts on disk are named by it: a release that changes this value cannot take over a living node's switches.
  CHECK(plan::digest({plan::Up{{Where::host, name("tr0")}}}) == "ffff0c753edd751a");
}

TEST_CASE("two networks that want one object otherwise are refused, growth is not", "[plan]") {
  const auto clash = plan::conflict({bridge(1500)}, {bridge(1400)});
  REQUIRE(clash);
  CHECK(describe(clash->mine) == "host:tr0: bridge, MAC 02:00:00:00:00:01, MTU 1500");
  CHECK(describe(clash->theirs) == "host:tr0: bridge, MAC 02:00:00:00:00:01, MTU 1400");

  CHECK_FALSE(plan::conflict({bridge(1500)}, {bridge(1500)}));
  const plan::LinkRef tr0{Where::host, name("tr0")};
  CHECK_FALSE(plan::conflict({plan::Address{tr0, cidr("10.1.0.1/24")}}, {plan::Address{tr0, cidr("10.2.0.1/24")}}));
  CHECK_FALSE(plan::conflict({prefixes("10.1.0.0/24")}, {prefixes("10.2.0.0/24")}));
  CHECK_FALSE(plan::conflict({prefixes("10.1.0.0/24")}, {prefixes("10.1.0.0/24")}));
  CHECK(plan::conflict({prefixes("10.1.0.0/16")}, {prefixes("10.1.3.0/24")}));
  CHECK(plan::conflict({plan::Rules{"tr0", "a"}}, {plan::Rules{"tr0", "b"}}));
  CHECK_FALSE(plan::conflict({plan::Rules{"tables", "of this release"}}, {plan::Rules{"tables", "of the last"}}));
}

TEST_CASE("when a part goes, what another part names stays: elements one by one", "[plan]") {
  Elements both = prefixes("10.1.0.0/24");
  both.elements.push_back(Element{{cidr("10.2.0.0/24")}, {}});
  const std::vector<Step> gone{bridge(1500), plan::Rules{"tables", ""}, both, plan::Rules{"tr0", ""}};
  const std::vector<Step> kept{plan::Rules{"tables", "other text"}, prefixes("10.2.0.0/24"), bridge(1500)};

  const auto rest = plan::unshared(gone, {kept});
  REQUIRE(rest.size() == 2);
  CHECK(describe(rest[0]) == "host: elements of inet net4-tr0: 10.1.0.0/24");
  CHECK(describe(rest[1]) == "host: nftables chains and sets of switch tr0");
  CHECK(plan::unshared(gone, {}).size() == 4);
}
