#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

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
      plan::File{"/run/sysctl.d/x.conf", "a = 1\n"},
      plan::Bridge{name("tr0"), mac, 1500, 0x40000001},
      plan::Veth{name("veth0"), name("eth0"), mac, mac, 1500, name("tr0"), 0x40000001, "net/id/eth0"},
      plan::Up{eth0, false},
      plan::Port{name("veth0"), true, true, true},
      plan::Address{eth0, net::Cidr::parse("fd88::2/64")},
      plan::Route{eth0, net::Cidr::parse("::/0"), net::Ip::parse("fd88::1"), 100, 5, 1400, 1300, 0},
      plan::Route{eth0, net::Cidr::parse("10.0.0.1/32"), std::nullopt, {}, {}, {}, {}, {}},
      plan::Rules{"tr0", "table inet\nset a ifname\n"},
      Elements{Table::bridge,
               "x",
               {Element{{name("veth0"), mac, net::Ip::parse("10.0.0.1"), net::Ip::parse("fd88::2")}, {}},
                Element{{net::Cidr::parse("10.0.0.0/8")}, {}}, Element{{name("10.0.0.1")}, "leave-tr0"}}},
      plan::Announce{name("eth0"), mac, {net::Ip::parse("10.0.0.1"), net::Ip::parse("fd88::2")}},
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
      if (key == "atLeast" || key == "via" || key == "table" || key == "metric" || key == "mtu" || key == "advmss" ||
          key == "scope" || key == "hairpin" || key == "withoutIpv6" || key == "isolated" || key == "guard")
        continue;  // absent is a value
      CAPTURE(cut.dump());
      CHECK_THROWS_AS(plan::step_from_json(cut), base::Error);
    }
  }
  CHECK_THROWS_AS(plan::step_from_json("text"), base::Error);
  CHECK_THROWS_AS(plan::step_from_json({{"step", "teleport"}}), base::Error);
}
