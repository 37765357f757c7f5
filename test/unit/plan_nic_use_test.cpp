#include <catch2/catch.hpp>

#include "plan/nic_use.h"

using namespace trestle;
using plan::Bond;
using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Table;
using plan::Uplink;

namespace {

net::IfName name(const char* text) { return net::IfName::parse(text); }
std::vector<Step> port(const char* nic, const char* bridge) { return {Uplink{name(nic), name(bridge)}}; }
std::vector<Step> way(const char* nic, const std::string& bridge) {
  return {Elements{Table::inet, "up-" + bridge, {Element{{name(nic)}, {}}}}};
}
std::vector<Step> bond(std::vector<net::IfName> members, const char* link, const char* bridge) {
  return {Bond{name(link), "active-backup", std::move(members), {}, 7}, Uplink{name(link), name(bridge)}};
}
std::string clash(const std::vector<Step>& a, const std::vector<Step>& b) {
  const auto found = plan::nic_conflict(a, b);
  return found ? found->mine.nic.str() + ": " + describe(found->mine) + ", " + describe(found->theirs) : "";
}

}  // namespace

TEST_CASE("one NIC is a port, a member or a way out, and no two of these", "[plan][nics]") {
  CHECK(clash(port("eth1", "tra"), port("eth1", "tra")).empty());
  CHECK(clash(port("eth1", "tra"), port("eth2", "trb")).empty());
  CHECK(clash(way("eth1", "tra"), way("eth1", "trb")).empty());
  CHECK(clash(bond({name("eth1"), name("eth2")}, "bond1", "tra"), bond({name("eth1"), name("eth2")}, "bond1", "tra"))
            .empty());
  CHECK(clash(port("eth1", "tra"), port("eth1", "trb")) == "eth1: a port of switch tra, a port of switch trb");
  CHECK(clash(port("eth1", "tra"), way("eth1", "trb")) == "eth1: a port of switch tra, the way out of switch trb");
  CHECK(clash(way("eth1", "trb"), port("eth1", "tra")) == "eth1: the way out of switch trb, a port of switch tra");
  CHECK(clash(bond({name("eth1"), name("eth2")}, "bond1", "tra"), port("eth2", "trb")) ==
        "eth2: a member of bond bond1, a port of switch trb");
  CHECK(clash(bond({name("eth1")}, "bond1", "tra"), bond({name("eth1")}, "bond2", "trb")) ==
        "eth1: a member of bond bond1, a member of bond bond2");
  // A set of another table or purpose says nothing of NICs.
  CHECK(clash(port("eth1", "tra"), {Elements{Table::bridge, "up-trb", {Element{{name("eth1")}, {}}}}}).empty());
  CHECK(clash(port("eth1", "tra"), {Elements{Table::inet, "if-trb", {Element{{name("eth1")}, {}}}}}).empty());
}
