#include <array>
#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

namespace {

cni::Args cni_args() {
  cni::Args args;
  args.ips = {net::Cidr::parse("10.88.0.3/32"), net::Cidr::parse("10.88.0.4/32")};
  args.mac = net::Mac::parse("02:00:00:00:00:03");
  return args;
}

std::string ips_of(const config::NetConf& conf) {
  std::string text;
  for (const net::Cidr& ip : conf.requested_ips) text += ip.str() + " ";
  return text;
}

}  // namespace

TEST_CASE("the first source that speaks of addresses or MAC wins whole", "[config][requests]") {
  const std::string runtime = R"("runtimeConfig": {"ips": ["10.88.0.1/16"], "mac": "02:00:00:00:00:01"})";
  const std::string args = R"("args": {"cni": {"ips": ["10.88.0.2", "fd88::2/64"], "mac": "02:00:00:00:00:02"}})";
  struct Case {
    std::string patch, ips, mac;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {"{" + runtime + "," + args + "}", "10.88.0.1/16 ", "02:00:00:00:00:01"},
      {"{" + args + "}", "10.88.0.2/32 fd88::2/64 ", "02:00:00:00:00:02"},
      {"{}", "10.88.0.3/32 10.88.0.4/32 ", "02:00:00:00:00:03"},
      // Addresses and MAC are two questions.
      {R"({"runtimeConfig": {"ips": ["10.88.0.1"]}, )" + args + "}", "10.88.0.1/32 ", "02:00:00:00:00:02"},
      // An empty list does not speak.
      {R"({"runtimeConfig": {"ips": [], "mac": ""}, "args": {"cni": {"ips": null}}})", "10.88.0.3/32 10.88.0.4/32 ",
       "02:00:00:00:00:03"},
  }));
  CAPTURE(c.patch);
  const config::NetConf conf = parsed(c.patch, cni_args());
  CHECK(ips_of(conf) == c.ips);
  REQUIRE(conf.requested_mac);
  CHECK(conf.requested_mac->str() == c.mac);
}

TEST_CASE("a malformed request is refused with its place", "[config][requests]") {
  struct Case {
    std::string patch, says;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"runtimeConfig": {"ips": ["10.88.0"]}})", "runtimeConfig.ips[0]: "},
      {R"({"runtimeConfig": {"ips": ["10.88.0.2", ""]}})", "runtimeConfig.ips[1]: "},
      {R"({"runtimeConfig": {"ips": "10.88.0.2"}})", "runtimeConfig.ips: must be an array"},
      {R"({"runtimeConfig": {"ips": [5]}})", "runtimeConfig.ips[0]: must be a string"},
      {R"({"runtimeConfig": {"ips": ["10.88.0.2/33"]}})", "runtimeConfig.ips[0]: "},
      {R"({"args": {"cni": {"ips": ["x"]}}})", "args.cni.ips[0]: "},
      {R"({"runtimeConfig": {"mac": "01:00:5e:00:00:01"}})", "multicast"},
      {R"({"runtimeConfig": {"mac": "00:00:00:00:00:00"}})", "zero"},
      {R"({"runtimeConfig": {"mac": "fe:00:00:00:00:01"}})", "host side"},
      {R"({"runtimeConfig": {"mac": 5}})", "must be a string"},
      {R"({"args": {"cni": {"mac": "zz"}}})", "args.cni.mac: "},
  }));
  CAPTURE(c.patch);
  const Refusal r = refusal(c.patch);
  CHECK(r.code == 7);
  CHECK_THAT(r.message, Contains(c.says));
}

TEST_CASE("a MAC no station may have is refused from CNI_ARGS too", "[config][requests]") {
  cni::Args args;
  args.mac = net::Mac::parse("ff:ff:ff:ff:ff:ff");
  CHECK_THAT(refusal([&] { parsed("{}", args); }).message, Contains("CNI_ARGS") && Contains("multicast"));
}

TEST_CASE("bandwidth is read in bits, each way by itself", "[config][requests]") {
  const auto bandwidth = [](const std::string& keys) {
    const config::NetConf conf = parsed(R"({"runtimeConfig": {"bandwidth": {)" + keys + "}}}");
    return std::array{conf.ingress, conf.egress};
  };
  CHECK(bandwidth("") == std::array{plan::Rate{}, plan::Rate{}});
  CHECK(bandwidth(R"("ingressRate": 8000, "ingressBurst": 800)") == std::array{plan::Rate{8000, 800}, plan::Rate{}});
  CHECK(bandwidth(R"("egressRate": 1000000000000, "egressBurst": 34359738360, "ingressRate": 0, "ingressBurst": 0)") ==
        std::array{plan::Rate{}, plan::Rate{1'000'000'000'000, 34'359'738'360}});
}

TEST_CASE("impossible bandwidth is refused, and the key is named", "[config][requests]") {
  struct Case {
    std::string keys, told;
  };
  const auto c = GENERATE(values<Case>({
      // A rate without a burst, and the other way round: as by the reference plugin, and 0 is none.
      {R"("ingressRate": 8000)", "\"ingressRate\" and \"ingressBurst\" go together"},
      {R"("egressRate": 8000, "egressBurst": 0)", "\"egressRate\" and \"egressBurst\" go together"},
      {R"("egressBurst": 8000)", "\"egressRate\" and \"egressBurst\" go together"},
      {R"("ingressRate": 7, "ingressBurst": 800)", "ingressRate"},
      {R"("ingressRate": -8000, "ingressBurst": 800)", "ingressRate"},
      {R"("ingressRate": 8000.5, "ingressBurst": 800)", "ingressRate"},
      {R"("ingressRate": "8M", "ingressBurst": 800)", "ingressRate"},
      {R"("ingressRate": 1000000000001, "ingressBurst": 800)", "ingressRate"},
      {R"("egressRate": 8000, "egressBurst": 7)", "egressBurst"},
      {R"("egressRate": 8000, "egressBurst": 34359738361)", "egressBurst"},
      {R"("egressRate": 18446744073709551615, "egressBurst": 800)", "egressRate"},
  }));
  CAPTURE(c.keys);
  const Refusal refused = refusal(R"({"runtimeConfig": {"bandwidth": {)" + c.keys + "}}}");
  CHECK(refused.code == 7);
  CHECK_THAT(refused.message, Contains(c.told));
}

TEST_CASE("the reference's exceptions from a limit are refused by name when there are any", "[config][requests]") {
  const std::string key = GENERATE("nonShapedSubnets", "unshapedSubnets", "shapedSubnets");
  CAPTURE(key);
  const Refusal refused = refusal(R"({"runtimeConfig": {"bandwidth": {")" + key + R"(": ["10.0.0.0/8"]}}})");
  CHECK(refused.code == 2);
  CHECK_THAT(refused.message, Contains(key) && Contains("a limit holds for all of the pod's traffic"));
  CHECK(refusal(R"({"runtimeConfig": {"bandwidth": {")" + key + R"(": []}}})").code == 0);
}

TEST_CASE("the VM is told by args.cni.vm, else by the pod's name", "[config][requests][vm]") {
  cni::Args launcher;
  launcher.k8s = {{"K8S_POD_NAMESPACE", "prod"}, {"K8S_POD_NAME", "virt-launcher-web-x7k2p"}};
  CHECK(parsed("{}", launcher).vm == "prod/web");
  CHECK(parsed(R"({"args": {"cni": {"vm": "db"}}})", launcher).vm == "prod/db");
  CHECK(parsed(R"({"args": {"cni": {"vm": "db"}}})").vm == "db");
  CHECK(parsed(R"({"args": {"cni": {"vm": "", "labels": []}}})").vm.empty());
  CHECK(parsed("{}", cni_args()).vm.empty());
  for (const std::string& bad : {std::string(R"("two words")"), std::string(R"("a\u0007")"), std::string("5"),
                                 std::string(R"("\u00e9")"), "\"" + std::string(254, 'v') + "\""}) {
    CAPTURE(bad);
    const Refusal refused = refusal(R"({"args": {"cni": {"vm": )" + bad + "}}}");
    CHECK(refused.code == 7);
    CHECK(refused.message.starts_with("args.cni.vm: "));
  }
}
