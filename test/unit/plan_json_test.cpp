#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/error.h"
#include "plan/plan.h"
#include "plan/step_json.h"

using namespace trestle;
using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Table;
using plan::Where;

namespace {

net::IfName name(const char* text) { return net::IfName::parse(text); }

// One of each kind, with every field that can be set.
std::vector<Step> samples() {
  const plan::LinkRef eth0{Where::pod, name("eth0")};
  const net::Mac mac = net::Mac::parse("02:00:00:00:00:01");
  return {
      plan::Sysctl{Where::host, "net/ipv6/conf/eth0.5/accept_ra", "2", true},
      plan::Sysctl{Where::host, "net/ipv4/conf/cbr0/route_localnet", "1", false, "0"},
      plan::File{"/run/sysctl.d/x.conf", "a = 1\n"},
      plan::Bridge{name("tr0"), mac, 1500, 0x40000001, true},
      plan::Veth{name("veth0"), name("eth0"), mac, mac, 1500, name("tr0"), 0x40000001, "net/id/eth0"},
      plan::Up{eth0, false},
      plan::Port{name("veth0"), true, true, true, true},
      plan::Port{name("veth0"), true, false, false, false, plan::PortFlags{true, true, false}},
      plan::Address{eth0, net::Cidr::parse("fd88::2/64")},
      plan::Route{eth0, net::Cidr::parse("::/0"), net::Ip::parse("fd88::1"), 100, 5, 1400, 1300, 0},
      plan::Route{eth0, net::Cidr::parse("10.0.0.1/32"), std::nullopt, {}, {}, {}, {}, {}},
      plan::Rules{"tr0", "table inet\nset a ifname\n"},
      Elements{Table::bridge,
               "x",
               {Element{{name("veth0"), mac, net::Ip::parse("10.0.0.1"), net::Ip::parse("fd88::2")}, {}},
                Element{{net::Cidr::parse("10.0.0.0/8")}, {}}, Element{{name("10.0.0.1")}, "leave-tr0"}}},
      plan::Announce{name("eth0"), mac, {net::Ip::parse("10.0.0.1"), net::Ip::parse("fd88::2")}},
      plan::Route{{Where::host, name("vx42")},
                  net::Cidr::parse("10.51.2.0/24"),
                  std::nullopt,
                  {},
                  {},
                  {},
                  {},
                  {},
                  0x40000001,
                  net::Ip::parse("192.0.2.1")},
      plan::Rule{Where::pod, net::Cidr::parse("10.0.0.1/32"), 1000, 1000},
      plan::Vxlan{name("vx42"), name("tr0"), 42, 4789, net::Ip::parse("192.0.2.1"), net::Ip::parse("239.1.1.1"),
                  name("eth0"), true, true, true, mac, 1450, 0x40000001},
      plan::Vxlan{name("vx43"),
                  {},
                  43,
                  8472,
                  net::Ip::parse("2001:db8::1"),
                  {},
                  {},
                  false,
                  false,
                  false,
                  mac,
                  1430,
                  0x40000001,
                  false},
      plan::Nexthop{0x40000001, name("vx42"), net::Ip::parse("fe80::1")},
      plan::Fdb{name("vx42"), mac, net::Ip::parse("192.0.2.2")},
      plan::Fdb{name("veth0"), mac},
      plan::Bond{name("bond0"), "active-backup", {name("eth1"), name("eth2")}, mac, 0x40000001, 9000},
      plan::Uplink{name("eth1"), name("tr0")},
      plan::Vlans{name("veth0"), true, 10, {{20, 20}, {30, 39}}, true},
      plan::TakeAddresses{name("eth1"),
                          name("tr0"),
                          {{net::Cidr::parse("192.0.2.7/24"), 0, net::Ip::parse("192.0.2.255"), 100, true}},
                          {{net::Cidr::parse("0.0.0.0/0"), net::Ip::parse("192.0.2.1"), net::Ip::parse("192.0.2.7"),
                            254, 0, 4, 0, true}}},
      plan::Publish{{{"tcp", net::Ip::parse("192.0.2.7"), 8080, net::Ip::parse("fd88::2"), 80}}},
      plan::Neighbour{eth0, net::Ip::parse("10.0.0.1"), mac, true},
      plan::Shape{name("veth0"), name("ifb0"), {8000, 800}, {9000, 900}, 0x40000001, 1500, "net/id/eth0"},
      plan::Tap{name("tap0"), mac, 107, 36, true, 1500, "system_u:system_r:container_t:s0", "net/id/eth0"},
      plan::Tap{name("tap1"), mac, 0, std::nullopt, false, 9000, "", "net/id/eth1"},
      plan::Redirect{name("eth0"), name("tap0")},
      plan::Service{
          name("tr0"), "/run/s/tr0", "DHCP, DNS", {{"dnsmasq.conf", "interface=tr0\n"}, {"networks/a.conf", "x"}}},
      plan::GuestHost{
          "/run/s/tr0", mac, {net::Ip::parse("10.0.0.1"), net::Ip::parse("fd88::2")}, {{"hosts/veth0", "a\nb\n"}}},
  };
}

}  // namespace

TEST_CASE("a record's step is read back as it was written", "[plan][json]") {
  for (const Step& step : samples()) {
    CAPTURE(describe(step));
    const auto json = nlohmann::json::parse(to_json(step).dump());
    CHECK(plan::step_from_json(json) == step);
  }
}

TEST_CASE("an interface that is named like an address stays an interface", "[plan][json]") {
  const Step step = Elements{Table::inet, "x", {Element{{name("10.0.0.1")}, {}}}};
  CHECK(to_json(step)["elements"][0]["key"][0] == "\"10.0.0.1\"");
  CHECK(plan::step_from_json(to_json(step)) == step);
}

// kind.field
const std::set<std::string> absent_is_a_value = {
    "sysctl.atLeast", "up.withoutIpv6",  "bridge.vlanFiltering", "port.hairpin",
    "port.isolated",  "port.guard",      "port.locked",          "port.was",
    "route.via",      "route.table",     "route.metric",         "route.mtu",
    "route.advmss",   "route.scope",     "vlans.self",           "vlans.keepDefault",
    "vlans.pvid",     "neighbour.proxy", "neighbour.mac",        "tap.group",
    "tap.multiQueue", "route.nexthop",   "route.source",         "fdb.dst",
    "vxlan.master",   "vxlan.multicast", "vxlan.underlay",       "vxlan.learning",
    "vxlan.told",     "vxlan.isolated",  "vxlan.noTxChecksum",   "bond.mtu",
    "sysctl.was"};

TEST_CASE("a damaged step is refused with the store's code, whichever field it is", "[plan][json]") {
  for (const Step& step : samples()) {
    const auto whole = to_json(step);
    for (const auto& [key, value] : whole.items()) {
      for (const nlohmann::json& wrong :
           {nlohmann::json(nullptr), nlohmann::json(-1), nlohmann::json("\""), nlohmann::json::array({1}),
            nlohmann::json::object(), nlohmann::json(1e300)}) {
        auto damaged = whole;
        damaged[key] = wrong;
        CAPTURE(damaged.dump());
        try {
          static_cast<void>(plan::step_from_json(damaged));  // another valid value may come of it
        } catch (const base::Error& e) {
          CHECK(e.code == base::Code::store);
        }
      }
      auto cut = whole;
      cut.erase(key);
      if (absent_is_a_value.contains(whole["step"].get<std::string>() + "." + key)) continue;
      CAPTURE(cut.dump());
      CHECK_THROWS_AS(plan::step_from_json(cut), base::Error);
    }
  }
  CHECK_THROWS_AS(plan::step_from_json("text"), base::Error);
  CHECK_THROWS_AS(plan::step_from_json({{"step", "teleport"}}), base::Error);
}
