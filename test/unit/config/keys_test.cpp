#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle::test;
using Catch::Contains;

TEST_CASE("an unknown key is refused with its value and the name it has here", "[config][keys]") {
  struct Case {
    std::string patch, key, says;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"Mode": "nat"})", R"("Mode" (value "nat"))", R"(did you mean "mode"?)"},
      {R"({"brigde": "br0"})", R"("brigde" (value "br0"))", R"(did you mean "bridge"?)"},
      {R"({"spoofcheck": true})", R"("spoofcheck" (value true))", R"(did you mean "spoofCheck"?)"},
      {R"({"RuntimeConfig": {"a": 1}})", R"("RuntimeConfig" (value {…}))", R"(did you mean "runtimeConfig"?)"},
      {R"({"ipMasq": true})", R"("ipMasq" (value true))", "masquerades by itself"},
      {R"({"ipmasq": true})", R"("ipmasq" (value true))", "masquerades by itself"},
      {R"({"ipMasq": false})", R"("ipMasq" (value false))", "masquerades by itself"},
      {R"({"isGateway": true})", R"("isGateway" (value true))", "gateway address by itself"},
      {R"({"isDefaultGateway": true})", R"("isDefaultGateway" (value true))", "defaultRoute"},
      {R"({"macspoofchk": true})", R"("macspoofchk" (value true))", "spoofCheck"},
      {R"({"master": "eth0"})", R"("master" (value "eth0"))", "uplink"},
      {R"({"subnet": "10.0.0.0/8"})", R"("subnet" (value "10.0.0.0/8"))", "subnets"},
      {R"({"routes": [{"dst": "0.0.0.0/0"}]})", R"("routes" (value […]))", "ipam"},
      {R"({"portMappings": []})", R"("portMappings" (value []))", "capabilities"},
      {R"({"plugins": []})", R"("plugins" (value []))", "list of plugins"},
      {R"({"zzzzzzzz": 1.5})", R"("zzzzzzzz" (value 1.5))", "is not a known key"},
      {R"({"": 1})", R"("" (value 1))", "is not a known key"},
      {R"({"dns": {"servers": ["10.0.0.1"]}})", R"("dns.servers" (value […]))", "nameservers"},
      {R"({"runtimeConfig": {"dns": {"nameservers": ["10.0.0.1"]}}})", R"("runtimeConfig.dns.nameservers")", "servers"},
      {R"({"runtimeConfig": {"portmappings": [1]}})", R"("runtimeConfig.portmappings")",
       R"(did you mean "portMappings"?)"},
  }));
  CAPTURE(c.patch);
  const Refusal r = refusal(c.patch);
  CHECK(r.code == 2);
  CHECK_THAT(r.message, Contains(c.key) && Contains(c.says));
}

TEST_CASE("what a later release brings is refused, never ignored", "[config][keys]") {
  const auto control = GENERATE(as<std::string>{}, "etcd", "kubernetes");
  const Refusal r = refusal(R"({"overlay": {"vni": 42, "control": ")" + control + R"("}})");
  CHECK(r.code == 2);
  CHECK_THAT(r.message, Contains("overlay.control") && Contains("static, multicast, evpn"));
}

TEST_CASE("an unknown word is refused with the words there are", "[config][keys]") {
  CHECK_THAT(refusal(R"({"mode": "Nat"})").message, Contains(R"("mode" (value "Nat"))") && Contains("accepted: nat"));
  CHECK(refusal(R"({"mode": "Nat"})").code == 2);
  CHECK_THAT(refusal(R"({"device": "macvlan"})").message, Contains("accepted: veth"));
  CHECK_THAT(refusal(R"({"logLevel": "loud"})").message, Contains("accepted: error, warn, info, debug"));
}

TEST_CASE("all faults are told, the first as the message", "[config][keys]") {
  const Refusal r = refusal(R"({"ipMasq": true, "vni": 3, "Mode": "nat"})");
  CHECK_THAT(r.message, Contains("Mode") && !Contains("vlan"));
  CHECK_THAT(r.details, Contains("Mode") && Contains("ipMasq") && Contains("vni"));
}

TEST_CASE("what belongs to others passes", "[config][keys]") {
  const auto patch =
      GENERATE(as<std::string>{}, "{}", R"({"_comment": "x", "_": [1]})",
               R"({"cni.dev/valid-attachments": "whatever"})", R"({"example.org/x": {"y": 1}})",
               R"({"capabilities": {"portMappings": true}, "disableCheck": true, "disableGC": true})",
               R"({"cniVersions": ["1.1.0"], "loadOnlyInlinedPlugins": true})",
               R"({"deviceID": "0000:04:00.5", "pciBusID": "0000:04:00.5"})",
               R"({"args": {"org.example": {"x": 1}, "cni": {"labels": [{"key": "a", "value": "b"}], "unheard": 1}}})",
               R"({"runtimeConfig": {"aliases": ["a"], "cgroupPath": "/x", "deviceID": "0", "CNIDeviceInfoFile": "/y",
                                  "infinibandGUID": "c2:11:22:33:44:55:66:77"}})");
  CAPTURE(patch);
  CHECK(refusal(patch).message.empty());
}

TEST_CASE("empty template values are as good as absent", "[config][keys]") {
  const auto patch = GENERATE(
      as<std::string>{}, R"({"mode": "", "bridge": "", "mtu": 0, "dns": {}, "device": ""})",
      R"({"mode": null, "bridge": null, "mtu": null, "ipam": null, "hostAccess": null, "spoofCheck": null})",
      R"({"ipam": {}, "args": {}, "runtimeConfig": {}, "prevResult": {}, "capabilities": {}})",
      R"({"args": null, "runtimeConfig": null, "prevResult": null, "defaultRoute": null})",
      R"({"uplink": "", "vlan": 0, "vlanTrunk": [], "tap": {}, "interfaces": [], "overlay": null, "guestServices": {}})",
      R"({"hairpinMode": false, "portIsolation": false, "proxyArp": false, "preserveDefaultVlan": false})",
      R"({"sourceRouting": false, "allowedMACs": [], "allowedAddresses": null, "tap": {"owner": null, "name": ""}})",
      R"({"runtimeConfig": {"portMappings": [], "bandwidth": {"ingressRate": 0, "egressRate": 0}, "ips": [],
                                  "mac": "", "ipRanges": [], "dns": {"servers": []}}})",
      R"({"stateDir": "", "logLevel": "", "logFile": ""})");
  CAPTURE(patch);
  CHECK(refusal(patch).message.empty());
  CHECK(parsed(patch).mode == "nat");
  CHECK(parsed(patch).bridge.str() == "trlan");
}
