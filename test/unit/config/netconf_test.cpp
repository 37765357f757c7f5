#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

TEST_CASE("the least configuration has the documented defaults", "[config][netconf]") {
  const config::NetConf conf = parsed();
  CHECK(conf.cni_version == "1.1.0");
  CHECK(conf.name == "lan");
  CHECK(conf.mode == "nat");
  CHECK(conf.bridge.str() == "trlan");
  CHECK_FALSE(conf.mtu);
  CHECK_FALSE(conf.default_route);
  CHECK(conf.spoof_check);
  CHECK_FALSE(conf.hairpin);
  CHECK(conf.host_access.all);
  CHECK(conf.dns.empty());
  CHECK_FALSE(conf.prev_result);
  CHECK(conf.requested_ips.empty());
  CHECK_FALSE(conf.requested_mac);
}

TEST_CASE("every key arrives", "[config][netconf]") {
  const config::NetConf conf =
      parsed(R"({"bridge": "br0.5", "mtu": 9000, "spoofCheck": false, "defaultRoute": false, "device": "veth",
      "hostAccess": ["53/udp", "53/tcp", "53/udp", "9/sctp"],
      "dns": {"nameservers": ["10.0.0.1", "fe80::1%eth0"], "domain": "d.example", "search": ["a", "b"], "options": ["ndots:5"]}})");
  CHECK(conf.bridge.str() == "br0.5");
  CHECK(conf.mtu == 9000U);
  CHECK_FALSE(conf.spoof_check);
  CHECK(conf.default_route == false);
  CHECK_FALSE(conf.host_access.all);
  CHECK(conf.host_access.ports == std::vector<config::PortRef>{{53, "udp"}, {53, "tcp"}, {9, "sctp"}});
  CHECK(conf.dns == cni::Dns{{"10.0.0.1", "fe80::1%eth0"}, {"a", "b"}, {"ndots:5"}, "d.example"});
}

TEST_CASE("a name and a version that cannot be are refused by their codes", "[config][netconf]") {
  struct Case {
    std::string patch;
    int code;
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"name": "absent!"})", 7, "missing network name"},
      {R"({"name": ""})", 7, "missing network name"},
      {R"({"name": "../x"})", 7, "name"},
      {R"({"name": "-x"})", 7, "name"},
      {R"({"name": 5})", 7, "must be a string"},
      {R"({"cniVersion": "9.0.0"})", 1, "incompatible CNI versions"},
      {R"({"cniVersion": "1.1"})", 1, "incompatible CNI versions"},
      {R"({"cniVersion": 1})", 7, "must be a string"},
  }));
  CAPTURE(c.patch);
  CHECK(refusal(c.patch).code == c.code);
  CHECK_THAT(refusal(c.patch).message, Contains(c.says));
}

TEST_CASE("no version means the first one", "[config][netconf]") {
  CHECK(parsed(R"({"cniVersion": "absent!"})").cni_version == "0.1.0");
  CHECK(parsed(R"({"cniVersion": ""})").cni_version == "0.1.0");
}

TEST_CASE("a document that is no object is refused as undecodable", "[config][netconf]") {
  const auto text = GENERATE(as<std::string>{}, "[]", "null", "5", "\"x\"", "true");
  CAPTURE(text);
  const cni::Json json = cni::parse_json(text);
  CHECK(refusal([&] { config::parse(json, {}); }).code == 6);
  CHECK(refusal([&] { config::parse_minimal(json); }).code == 6);
  CHECK(refusal([&] { config::parse_settings(json, std::nullopt); }).code == 6);
  CHECK(refusal([&] { config::parse_settings(json, std::nullopt, config::OnBadSetting::ignore); }).code == 0);
}

TEST_CASE("a value of the wrong kind or size is refused with its place", "[config][netconf]") {
  struct Case {
    std::string patch, says;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"mode": 1})", "mode: must be a string"},
      {R"({"mode": ["nat"]})", "mode: must be a string"},
      {R"({"bridge": "a/b"})", "bridge: "},
      {R"({"bridge": "sixteen-letters-"})", "bridge: "},
      {R"({"bridge": "lo"})", "bridge: "},
      {R"({"bridge": "all"})", "bridge: "},
      {R"({"bridge": ".."})", "bridge: "},
      {R"({"bridge": "-x"})", "bridge: "},
      {R"({"bridge": "br@0"})", "bridge: "},
      {R"({"bridge": "br0;"})", "bridge: "},
      {R"({"bridge": true})", "bridge: must be a string"},
      {R"({"mtu": 67})", "mtu: "},
      {R"({"mtu": 65536})", "mtu: "},
      {R"({"mtu": -1})", "mtu: "},
      {R"({"mtu": 1500.5})", "mtu: "},
      {R"({"mtu": 1.5e3})", "mtu: "},
      {R"({"mtu": 18446744073709551615})", "mtu: "},
      {R"({"mtu": "1500"})", "mtu: "},
      {R"({"mtu": 1279, "subnets": ["10.88.0.0/16", "fd88::/64"]})", "less than 1280"},
      {R"({"spoofCheck": "yes"})", "spoofCheck: must be true or false"},
      {R"({"spoofCheck": 1})", "spoofCheck: must be true or false"},
      {R"({"defaultRoute": "no"})", "defaultRoute: must be true or false"},
      {R"({"hostAccess": "53/udp"})", "hostAccess: must be true, false, or a list"},
      {R"({"hostAccess": 53})", "hostAccess: must be true, false, or a list"},
      {R"({"hostAccess": [53]})", "hostAccess[0]: must be a string"},
      {R"({"hostAccess": ["53"]})", "hostAccess[0]: "},
      {R"({"hostAccess": ["53/udp", "0/tcp"]})", "hostAccess[1]: "},
      {R"({"hostAccess": ["65536/tcp"]})", "hostAccess[0]: "},
      {R"({"hostAccess": ["53/icmp"]})", "hostAccess[0]: "},
      {R"({"hostAccess": ["53/udp/tcp"]})", "hostAccess[0]: "},
      {R"({"hostAccess": ["udp/53"]})", "hostAccess[0]: "},
      {R"({"dns": []})", ""},
      {R"({"dns": ["10.0.0.1"]})", "dns: must be an object"},
      {R"({"dns": {"nameservers": "10.0.0.1"}})", "dns.nameservers: must be an array"},
      {R"({"dns": {"nameservers": ["ns.example"]}})", "dns.nameservers[0]: "},
      {R"({"dns": {"search": ["a b"]}})", "dns.search[0]: "},
      {R"({"dns": {"options": ["a\nnameserver 6.6.6.6"]}})", "dns.options[0]: "},
      {R"({"runtimeConfig": []})", ""},
      {R"({"runtimeConfig": [1]})", "runtimeConfig: must be an object"},
      {R"({"args": "x"})", "args: must be an object"},
      {R"({"args": {"cni": "x"}})", "args.cni: must be an object"},
  }));
  CAPTURE(c.patch);
  const Refusal r = refusal(c.patch);
  CHECK(r.code == (c.says.empty() ? 0 : 7));
  CHECK_THAT(r.message, Contains(c.says));
}

TEST_CASE("hostAccess says everything, nothing, or these ports", "[config][netconf]") {
  CHECK(parsed(R"({"hostAccess": true})").host_access.all);
  CHECK_FALSE(parsed(R"({"hostAccess": false})").host_access.all);
  CHECK(parsed(R"({"hostAccess": false})").host_access.ports.empty());
  // A list is a list: an empty one opens nothing.
  CHECK_FALSE(parsed(R"({"hostAccess": []})").host_access.all);
}

TEST_CASE("dns comes whole from the runtime or whole from the network", "[config][netconf]") {
  const std::string both = R"({"dns": {"nameservers": ["10.0.0.1"], "search": ["net"]},
                               "runtimeConfig": {"dns": {"servers": ["10.0.0.2"], "options": ["ndots:1"]}}})";
  CHECK(parsed(both).dns == cni::Dns{{"10.0.0.2"}, {}, {"ndots:1"}, ""});
  CHECK(parsed(R"({"dns": {"search": ["net"]}, "runtimeConfig": {"dns": {"servers": []}}})").dns ==
        cni::Dns{{}, {"net"}, {}, ""});
}

TEST_CASE("a prevResult is kept whole, and refused as undecodable when it is none", "[config][netconf]") {
  const config::NetConf conf =
      parsed(R"({"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/n"}],
      "ips": [{"address": "10.1.0.2/24", "interface": 0}], "dns": {"nameservers": ["10.1.0.1"]}}})");
  REQUIRE(conf.prev_result);
  CHECK(conf.prev_result->interfaces.at(0).name == "eth0");
  CHECK(conf.prev_result->ips.at(0).address.str() == "10.1.0.2/24");
  CHECK(conf.prev_result->dns.nameservers == std::vector<std::string>{"10.1.0.1"});
  CHECK(refusal(R"({"prevResult": {"interfaces": 5}})").code == 6);
}

TEST_CASE("a switch is named after its network, hashed where that is too long", "[config][netconf]") {
  CHECK(parsed(R"({"name": "thirteen-char"})").bridge.str() == "trthirteen-char");
  CHECK(parsed(R"({"name": "fourteen-chars"})").bridge.str().size() == 13);
}
