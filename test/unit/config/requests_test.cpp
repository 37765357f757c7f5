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
