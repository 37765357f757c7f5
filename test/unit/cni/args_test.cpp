#include <catch2/catch.hpp>

#include "cni/request.h"
#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Args;
using namespace std::string_literals;

namespace {

std::vector<std::string> ips_of(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& ip : Args::parse(text).ips) out.push_back(ip.str());
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("CNI_ARGS of a Kubernetes runtime are read", "[cni][args]") {
  const Args args = Args::parse(
      "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=0a1b;K8S_POD_UID=u;"
      "Other=x=y;MAC=02:00:5E:10:00:01;IP=10.1.2.3/16,fd00::5");
  CHECK(args.k8s == std::map<std::string, std::string>{{"K8S_POD_NAMESPACE", "shop"},
                                                       {"K8S_POD_NAME", "web-0"},
                                                       {"K8S_POD_INFRA_CONTAINER_ID", "0a1b"},
                                                       {"K8S_POD_UID", "u"}});
  CHECK(args.mac->str() == "02:00:5e:10:00:01");
  REQUIRE(args.ips.size() == 2);
  CHECK(args.ips[0].str() == "10.1.2.3/16");
  CHECK(args.ips[1].str() == "fd00::5/128");
}

TEST_CASE("CNI_ARGS that ask for nothing are empty", "[cni][args]") {
  const auto text = GENERATE(
      as<std::string>{}, "", "none", "IP=", "MAC=", "IP=;MAC=;K8S_POD_NAME=", "IgnoreUnknown=", "GATEWAY=10.0.0.1",
      "TC_REDIRECT_TAP_UID=107;TC_REDIRECT_TAP_NAME=tap0", "IgnoreUnknown=TRUE;a=b", "a=b;IgnoreUnknown=1");
  CAPTURE(text);
  const Args args = Args::parse(text);
  CHECK(args.ips.empty());
  CHECK_FALSE(args.mac);
  CHECK(args.k8s.empty());
}

TEST_CASE("a bare address is a host, one with a prefix keeps it", "[cni][args]") {
  CHECK(ips_of("IP=10.0.0.9") == Strings{"10.0.0.9/32"});
  CHECK(ips_of("IP=10.0.0.9/24") == Strings{"10.0.0.9/24"});
  CHECK(ips_of("IP=fd00::9,10.0.0.9") == Strings{"fd00::9/128", "10.0.0.9/32"});
}

TEST_CASE("of a key given twice the last counts", "[cni][args]") {
  CHECK(ips_of("IP=10.0.0.1;IP=10.0.0.2") == Strings{"10.0.0.2/32"});
  CHECK(Args::parse("MAC=02:00:00:00:00:01;MAC=02:00:00:00:00:02").mac->str() == "02:00:00:00:00:02");
}

TEST_CASE("a value may hold further equals signs", "[cni][args]") {
  CHECK(Args::parse("K8S_POD_NAME=a=b=c").k8s.at("K8S_POD_NAME") == "a=b=c");
}

TEST_CASE("IgnoreUnknown is 1, true, 0 or false in any case and nothing else", "[cni][args]") {
  for (const char* yes : {"1", "true", "TRUE", "True", "tRuE"}) CHECK_NOTHROW(Args::parse("X=1;IgnoreUnknown="s + yes));
  for (const char* no : {"0", "false", "FALSE", "False"})
    CHECK_THROWS_AS(Args::parse("X=1;IgnoreUnknown="s + no), Error);
  for (const char* bad : {"yes", "2", "t", "on", " 1", "1 ", "truee"})
    CHECK(error_of([&] { return Args::parse("IgnoreUnknown="s + bad); }).what() ==
          "CNI_ARGS: IgnoreUnknown: must be 1, true, 0 or false"s);
}

TEST_CASE("bad CNI_ARGS are refused and the culprit is named", "[cni][args]") {
  struct Bad {
    std::string text, message;
  };
  const auto bad = GENERATE(values<Bad>({
      {"K", "CNI_ARGS: part 1 is no KEY=VALUE pair"},
      {"None", "CNI_ARGS: part 1 is no KEY=VALUE pair"},
      {"IgnoreUnknown=1;", "CNI_ARGS: part 2 is no KEY=VALUE pair"},
      {";IgnoreUnknown=1", "CNI_ARGS: part 1 is no KEY=VALUE pair"},
      {"IgnoreUnknown=1;junk", "CNI_ARGS: part 2 is no KEY=VALUE pair"},
      {"IgnoreUnknown=1;=x", "CNI_ARGS: part 2 is no KEY=VALUE pair"},
      {"FOO=1;BAR=2", "CNI_ARGS: unknown key FOO (IgnoreUnknown=1 lets unknown keys pass)"},
      {"ip=10.0.0.1", "CNI_ARGS: unknown key ip (IgnoreUnknown=1 lets unknown keys pass)"},
      {"K8S_pod=x", "CNI_ARGS: unknown key K8S_pod (IgnoreUnknown=1 lets unknown keys pass)"},
      {"K8S_POD_NAME=a\nb", "CNI_ARGS: K8S_POD_NAME: must be printable ASCII of at most 256 bytes"},
      {"K8S_POD_NAME=\x1b[2J", "CNI_ARGS: K8S_POD_NAME: must be printable ASCII of at most 256 bytes"},
      {"K8S_POD_NAME=\xc3\xa9", "CNI_ARGS: K8S_POD_NAME: must be printable ASCII of at most 256 bytes"},
      {"K8S_POD_NAME=" + std::string(257, 'a'), "CNI_ARGS: K8S_POD_NAME: must be printable ASCII of at most 256 bytes"},
      {std::string((64U << 10) + 1, 'a'), "CNI_ARGS: more than 65536 bytes"},
  }));
  CAPTURE(bad.text.substr(0, 80));
  const Error e = error_of([&] { return Args::parse(bad.text); });
  CHECK(e.code == Code::bad_environment);
  CHECK(e.what() == bad.message);
}

TEST_CASE("addresses and MACs no station can have are refused as a bad environment", "[cni][args]") {
  const auto text = GENERATE(as<std::string>{}, "IP=10.0.0", "IP=10.0.0.1,", "IP=,10.0.0.1", "IP=10.0.0.1/33",
                             "IP=10.0.0.1/", "IP=::ffff:10.0.0.1", "IP=10.0.0.1 ,10.0.0.2", "IP=010.0.0.1",
                             "IP=fe80::1%eth0", "MAC=01:00:5e:00:00:01", "MAC=00:00:00:00:00:00",
                             "MAC=fe:00:00:00:00:01", "MAC=02:00:00:00:00", "MAC=02:00:00:00:00:0g", "MAC=junk");
  CAPTURE(text);
  const Error e = error_of([&] { return Args::parse(text); });
  CHECK(e.code == Code::bad_environment);
  CHECK_THAT(e.what(), Catch::StartsWith("CNI_ARGS: " + text.substr(0, text.find('=')) + ": "));
}

TEST_CASE("at most 64 addresses can be asked for", "[cni][args]") {
  std::string list = "IP=10.0.0.1";
  for (int i = 2; i <= 64; ++i) list += ",10.0.0." + std::to_string(i);
  CHECK(Args::parse(list).ips.size() == 64);
  CHECK(error_of([&] { return Args::parse(list + ",10.0.0.65"); }).what() == "CNI_ARGS: IP: more than 64 addresses"s);
}
