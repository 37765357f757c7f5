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
  // Parts on disk are named by it: after a release that changes this value the parts of living pods stand beside the new ones until those pods go.
  CHECK(plan::digest({plan::Up{{Where::host, name("tr0")}}}) == "d809824daf5758f4");
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
  const auto service = [](const char* main, const char* network) -> Step {
    return plan::Service{name("tr0"), "/run/s/tr0", "DHCP", {{"dnsmasq.conf", main}, {network, "x"}}};
  };
  CHECK(plan::conflict({service("a", "networks/1")}, {service("b", "networks/2")}));
  CHECK_FALSE(plan::conflict({service("a", "networks/1")}, {service("a", "networks/2")}));
  CHECK(plan::unshared({service("a", "networks/1")}, {{service("a", "networks/2")}}) ==
        std::vector<Step>{plan::Service{name("tr0"), "/run/s/tr0", "DHCP", {{"networks/1", "x"}}}});
  CHECK(plan::unshared({service("a", "networks/1")}, {{service("a", "networks/1")}}).empty());
  // A release that did not tell a bond's MTU has made it.
  const auto bond = [](std::uint32_t mtu) {
    return plan::Bond{name("bond0"), "active-backup", {name("eth1"), name("eth2")}, {}, 1, mtu};
  };
  CHECK_FALSE(plan::conflict({bond(9000)}, {bond(0)}));
  CHECK(plan::conflict({bond(9000)}, {bond(1500)}));
  CHECK_FALSE(plan::conflict({plan::Rules{"tables", "of this release"}}, {plan::Rules{"tables", "of the last"}}));
}

TEST_CASE("a switch with addresses is in one VLAN: a network without one disagrees with a network that has one",
          "[plan]") {
  const Step address = plan::Address{{Where::host, name("tr0")}, cidr("10.1.0.1/24")};
  const Step more = plan::Address{{Where::host, name("tr0")}, cidr("10.2.0.1/24")};
  const auto in = [](std::uint16_t vid) { return Step{plan::Vlans{name("tr0"), true, vid, {}, false}}; };
  const auto clash = plan::conflict({in(10), more}, {address});
  REQUIRE(clash);
  CHECK(describe(clash->mine) == "host:tr0: itself in VLAN 10 untagged");
  CHECK(describe(clash->theirs) == "host:tr0: itself in the default VLAN");
  CHECK(plan::conflict({more}, {in(10), address}));
  CHECK(plan::conflict({in(20), more}, {in(10), address}));
  CHECK_FALSE(plan::conflict({in(10), more}, {in(10), address}));
  CHECK_FALSE(plan::conflict({more}, {address}));
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

TEST_CASE("when one pod of a VM goes, what another names by the VM's address stays; links and pods are each its own",
          "[plan][vm]") {
  const net::Ip ip = net::Ip::parse("10.88.0.2");
  const plan::Mapping a{"tcp", {}, 8080, ip, 80}, b{"tcp", {}, 8081, ip, 81}, moved{"tcp", {}, 8081, ip, 82};
  const plan::Neighbour proxy{{Where::host, name("eth1")}, ip, {}, true},
      inside{{Where::pod, name("eth0")}, ip, {}, false};
  const Step address = plan::Address{{Where::pod, name("eth0")}, cidr("10.88.0.2/16")};
  const Elements mine{Table::bridge, "addr4", {Element{{name("veth0"), ip}, {}}}};
  const Elements theirs{Table::bridge, "addr4", {Element{{name("veth1"), ip}, {}}}};
  const std::vector<Step> gone{mine, plan::Publish{{a, b}}, address, proxy, inside};
  const auto rest = plan::unnamed(gone, {{theirs, plan::Publish{{a, moved}}, address, proxy, inside}});
  CHECK(rest == std::vector<Step>{mine, plan::Publish{{b}}, address, inside});
  CHECK(plan::unnamed(gone, {}) == gone);
  CHECK(plan::unnamed({plan::Publish{{a}}}, {{plan::Publish{{a, b}}}}).empty());
}
