#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;
using net::Family;

namespace {

config::NetConf several(const std::string& interfaces, const std::string& more = "") {
  return parsed(R"({"interfaces": )" + interfaces + (more.empty() ? "" : ", " + more) + "}");
}

// "eth1: v6" …: the families whose default route another NIC has.
std::string elsewhere(const config::NetConf& conf) {
  std::string out;
  for (const config::NetConf* nic : config::nics(conf)) {
    out += config::name_of(*nic, "eth0").str() + ":";
    for (const Family family : nic->default_elsewhere) out += family == Family::v4 ? " v4" : " v6";
    out += "; ";
  }
  return out;
}

}  // namespace

TEST_CASE("interfaces: one that says nothing of a network is one more NIC on the same switch", "[config][interfaces]") {
  const auto conf =
      several(R"([{"name": "eth1", "portIsolation": true}])", R"("mtu": 1400, "hostAccess": false, "vlan": 7)");
  REQUIRE(conf.more.size() == 1);
  const config::NetConf& nic = conf.more.front();
  CHECK(nic.nic == net::IfName::parse("eth1"));
  CHECK(nic.same_switch);
  CHECK(nic.name == conf.name);
  CHECK(nic.bridge == conf.bridge);
  CHECK(nic.mode == conf.mode);
  CHECK(nic.mtu == 1400);
  CHECK_FALSE(nic.host_access.all);
  CHECK(nic.vlan == 7);
  CHECK(nic.port_isolation);
  CHECK_FALSE(conf.port_isolation);
  CHECK(nic.ipam.ranges.size() == conf.ipam.ranges.size());
}

TEST_CASE("interfaces: one with a network of its own inherits nothing", "[config][interfaces]") {
  const auto conf = several(R"([{"name": "eth1", "subnets": ["10.89.0.0/16"]},
                               {"name": "dmz", "network": "front", "mode": "routed", "subnets": ["10.90.0.0/16"]}])",
                            R"("mode": "isolated", "mtu": 1400, "portIsolation": true)");
  REQUIRE(conf.more.size() == 2);
  CHECK(conf.more[0].name == "lan-eth1");
  CHECK(conf.more[0].bridge.str() == "trlan-eth1");
  CHECK(conf.more[0].mode == "nat");
  CHECK_FALSE(conf.more[0].mtu);
  CHECK_FALSE(conf.more[0].port_isolation);
  CHECK(conf.more[1].name == "front");
  CHECK(conf.more[1].bridge.str() == "trfront");
}

TEST_CASE("interfaces: what the runtime asks for is for the first NIC", "[config][interfaces]") {
  cni::Args args;
  const auto conf = parsed(
      R"({"interfaces": [{"name": "eth1"}], "capabilities": {"ips": true, "mac": true},
          "runtimeConfig": {"ips": ["10.88.0.9/16"], "mac": "02:00:00:00:00:09"}})",
      args);
  CHECK(conf.requested_ips.size() == 1);
  CHECK(conf.more.front().requested_ips.empty());
  CHECK_FALSE(conf.more.front().requested_mac);
}

TEST_CASE("interfaces: the default route is the first NIC's that has one, or where it is asked for",
          "[config][interfaces]") {
  const std::string six = R"({"name": "eth1", "subnets": ["10.89.0.0/16", "fd89::/64"]})";
  CHECK(elsewhere(several("[" + six + "]")) == "eth0: v6; eth1: v4; ");
  CHECK(elsewhere(several(R"([{"name": "eth1", "subnets": ["10.89.0.0/16"], "defaultRoute": true}])")) ==
        "eth0: v4; eth1:; ");
  CHECK(elsewhere(several(R"([{"name": "eth1", "subnets": ["10.89.0.0/16"]}])", R"("mode": "isolated")")) ==
        "eth0: v4; eth1:; ");
  CHECK(elsewhere(parsed()) == "eth0:; ");
}

TEST_CASE("interfaces: what no NIC has is no other NIC's", "[config][interfaces]") {
  auto conf = several(R"([{"name": "eth1", "mode": "isolated", "subnets": ["fd89::/64"]}])");
  CHECK(elsewhere(conf) == "eth0:; eth1: v4; ");
  conf = parsed(R"({"mode": "bridge", "uplink": "up0", "subnets": null, "ipam": {"type": "dhcp"},
                    "interfaces": [{"name": "eth1", "mode": "isolated", "subnets": ["10.89.0.0/16"]}]})");
  CHECK(elsewhere(conf) == "eth0:; eth1:; ");
  // As if it had answered.
  conf.ipam.ranges = parsed(R"({"subnets": ["10.7.0.0/16"]})").ipam.ranges;
  conf.ipam.routes.push_back({{net::Ip{Family::v4, 0}, 0}, net::Ip::parse("10.7.0.1"), {}, {}, {}, {}, {}});
  config::place_default_routes(conf);
  CHECK(elsewhere(conf) == "eth0:; eth1: v4; ");
}

TEST_CASE("interfaces: the pod has a default route of its own, and the guest behind a TAP", "[config][interfaces]") {
  CHECK(elsewhere(several(R"([{"name": "eth1", "device": "tap", "subnets": ["10.89.0.0/16"]},
                              {"name": "eth2", "device": "tap", "subnets": ["10.90.0.0/16"]},
                              {"name": "eth3", "subnets": ["10.91.0.0/16"]}])")) ==
        "eth0:; eth1:; eth2: v4; eth3: v4; ");
}

TEST_CASE("interfaces: guests of a network are all told the same of a default route", "[config][interfaces]") {
  const std::string own = R"({"name": "eth1", "subnets": ["10.89.0.0/16"]})",
                    shared = R"({"name": "eth1", "network": "front", "subnets": ["10.89.0.0/16"]})",
                    same = R"({"name": "eth1", "defaultRoute": true})";
  CHECK(several("[" + own + "]").more[0].guests_default == false);
  CHECK_FALSE(several("[" + shared + "]").more[0].guests_default);
  CHECK_FALSE(several("[" + same + "]").guests_default);
  CHECK_FALSE(several("[" + same + "]").more[0].guests_default);
  CHECK(parsed(R"({"defaultRoute": false})").guests_default == false);
}

TEST_CASE("interfaces: what cannot be is refused, by name", "[config][interfaces]") {
  struct Case {
    std::string interfaces, says;
    int code = 7;
  };
  const auto c = GENERATE(values<Case>({
      {R"("eth1")", "interfaces"},
      {R"([7])", "interfaces[0]"},
      {R"([{}])", "\"name\" is missing"},
      {R"([{"name": "lo"}])", "lo is in every pod already"},
      {R"([{"name": "a/b"}])", "interfaces[0].name"},
      {R"([{"name": "eth1"}, {"name": "eth1"}])", "have one name"},
      {R"([{"name": "eth1", "stateDir": "/run/x"}])", "is the whole call's"},
      {R"([{"name": "eth1", "interfaces": []}])", "is the whole call's"},
      {R"([{"name": "eth1", "runtimeConfig": {}}])", "is the whole call's"},
      {R"([{"name": "eth1", "mac": "02:00:00:00:00:09"}])", "cannot be fixed for a further NIC"},
      {R"([{"name": "eth1", "subnets": ["10.91.0.0/24"], "ips": ["10.91.0.9"]}])", "one ADD per NIC"},
      {R"([{"name": "eth1", "vlann": 7}])", "interfaces[0].vlann", 2},
      {R"([{"name": "eth1", "network": "front"}])", "nothing of it is said"},
      {R"([{"name": "eth1", "network": "a/b", "mode": "isolated"}])", "interfaces[0].network"},
      {R"([{"name": "eth1", "mode": "nat"}])", "subnets"},
      {R"([{"name": "eth1", "mode": "isolated", "bridge": "trlan", "subnets": ["10.89.0.0/16"]}])", "on switch trlan"},
      {R"([{"name": "eth1", "mode": "bridge", "uplink": "up0", "bridge": "b1"},
           {"name": "eth2", "mode": "bridge", "uplink": "up0", "bridge": "b2"}])",
       "below two switches"},
      {R"([{"name": "eth1", "subnets": ["10.89.0.0/16"], "defaultRoute": true},
           {"name": "eth2", "subnets": ["10.90.0.0/16"], "defaultRoute": true}])",
       "both ask for the pod's default route"},
      {R"([{"name": "eth1", "device": "tap", "sourceRouting": true}])", "interfaces[0].sourceRouting"},
      {R"([{"name": "eth1", "hostAccess": true}])", "interfaces[0].hostAccess: would be so for all pods"},
      {R"([{"name": "eth1", "mtu": 1400}])", "interfaces[0].mtu: would be so for all pods"},
      {R"([{"name": "eth1", "guestServices": {"dhcp": true}}])", "interfaces[0].guestServices: would be so"},
      {R"([{"name": "eth1", "vlan": 7}])", "both in subnet 10.88.0.0/16"},
      {R"([{"name": "eth1", "mode": "isolated", "subnets": ["10.89.0.0/16"]},
           {"name": "eth2", "mode": "isolated", "subnets": ["10.89.1.0/24"]}])",
       "NIC eth1 and NIC eth2 are apart (trlan-eth1, trlan-eth2) and both in subnet 10.89.0.0/16"},
      {R"([{"name": "eth1", "mode": "isolated", "subnets": ["10.89.0.0/24", "10.91.0.0/24"]},
           {"name": "eth2", "mode": "isolated", "subnets": ["10.90.0.0/24", "10.91.0.0/24"]}])",
       "both in subnet 10.91.0.0/24"},
      {R"([{"name": "eth1", "mode": "isolated", "subnets": ["10.89.0.0/16"], "defaultRoute": true}])",
       "interfaces[0].defaultRoute: an isolated network leads nowhere"},
  }));
  CAPTURE(c.interfaces);
  const Refusal refused = refusal(R"({"interfaces": )" + c.interfaces + "}");
  CHECK(refused.code == c.code);
  CHECK_THAT(refused.message, Contains(c.says));
}

TEST_CASE("interfaces: no name is used twice in the pod, not by a TAP either", "[config][interfaces]") {
  const auto check = [](const std::string& interfaces, const std::string& ifname) {
    return refusal([&] { config::check_names(several(interfaces), ifname); });
  };
  CHECK(check(R"([{"name": "eth1"}])", "eth0").code == 0);
  CHECK_THAT(check(R"([{"name": "eth1"}])", "eth1").message, Contains("would be called eth1"));
  CHECK_THAT(check(R"([{"name": "tap2"}, {"name": "eth2", "device": "tap"}])", "eth0").message,
             Contains("would be called tap2"));
}

TEST_CASE("sourceRouting: on where the pod has several NICs, off or on by one's own word", "[config][interfaces]") {
  auto one = parsed();
  config::choose_tables(one, "eth0", false);
  CHECK_FALSE(one.source_table);
  config::choose_tables(one, "net1", true);
  CHECK(one.source_table == net::source_table(net::IfName::parse("net1")));
  auto asked = parsed(R"({"sourceRouting": true})");
  config::choose_tables(asked, "eth0", false);
  CHECK(asked.source_table);
  auto two = several(R"([{"name": "eth1", "sourceRouting": false}, {"name": "eth2"}])");
  config::choose_tables(two, "eth0", false);
  CHECK(two.source_table);
  CHECK_FALSE(two.more[0].source_table);
  CHECK(two.more[1].source_table);
  CHECK(two.source_table != two.more[1].source_table);
}

TEST_CASE("DEL and GC know every NIC's delegate", "[config][interfaces][minimal]") {
  const auto conf = cni::parse_json(
      R"({"cniVersion": "1.1.0", "name": "lan", "type": "trestle", "ipam": {"type": "host-local"},
          "interfaces": [{"name": "eth1", "ipam": {"type": "dhcp"}}, {"name": "eth2"}],
          "cni.dev/valid-attachments": [{"containerID": "c", "ifname": "eth0"}]})");
  const auto minimal = config::parse_minimal(conf, cni::Command::gc);
  REQUIRE(minimal.delegates.size() == 3);
  CHECK(minimal.delegates[0].nic.empty());
  CHECK(minimal.delegates[1].nic == "eth1");
  CHECK(minimal.delegates[1].delegate.type == "dhcp");
  CHECK(minimal.delegates[2].delegate.type == "host-local");  // on the first one's switch
  CHECK(cni::parse_json(minimal.delegates[1].delegate.conf).at("name") == "lan-eth1");
}
