#include <catch2/catch.hpp>

#include "cni/json.h"
#include "cni/result.h"
#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::parse_json;
using trestle::cni::Result;
using trestle::cni::result_from_json;
using namespace std::string_literals;

namespace {

Result read(const std::string& text, const std::string& version) { return result_from_json(parse_json(text), version); }

}  // namespace

TEST_CASE("a prevResult without a version of its own has the config's shape", "[cni][prevresult]") {
  const Result old =
      read(R"({"ip4":{"ip":"10.1.0.5/16","gateway":"10.1.0.1","routes":[{"dst":"0.0.0.0/0"}]},"dns":{"domain":"x"}})",
           "0.2.0");
  REQUIRE(old.ips.size() == 1);
  CHECK(old.ips[0].address.str() == "10.1.0.5/16");
  CHECK(old.ips[0].gateway->str() == "10.1.0.1");
  REQUIRE(old.routes.size() == 1);
  CHECK_FALSE(old.routes[0].gw);
  CHECK(old.dns.domain == "x");

  const Result newer = read(
      R"({"interfaces":[{"name":"eth0"}],"ips":[{"version":"4","interface":0,"address":"10.1.0.5/16"}]})", "0.3.1");
  REQUIRE(newer.ips.size() == 1);
  CHECK(newer.ips[0].interface == 0U);
  CHECK(read("{}", "1.1.0") == Result{});
  CHECK(read(R"({"ip4":{"ip":"10.1.0.5/16"}})", "").ips.size() == 1);
}

TEST_CASE("versions of one shape may be mixed in a chain, others may not", "[cni][prevresult]") {
  struct Mix {
    std::string own, config;
    bool fits;
  };
  const auto mix = GENERATE(values<Mix>({
      {"1.0.0", "1.1.0", true},
      {"1.1.0", "1.0.0", true},
      {"0.3.0", "0.4.0", true},
      {"0.4.0", "0.3.0", true},
      {"0.3.1", "0.3.0", true},
      {"0.2.0", "0.1.0", true},
      {"", "1.1.0", true},
      {"0.4.0", "1.0.0", false},
      {"1.0.0", "0.4.0", false},
      {"0.2.0", "0.3.0", false},
      {"1.1.0", "0.1.0", false},
      {"9.0.0", "1.1.0", false},
  }));
  CAPTURE(mix.own, mix.config);
  const std::string text = R"({"cniVersion":")" + mix.own + R"("})";
  if (mix.fits) {
    CHECK_NOTHROW(read(text, mix.config));
  } else {
    CHECK(error_of([&] { return read(text, mix.config); }).code == Code::decode);
  }
}

TEST_CASE("empty texts, nulls and keys we do not know do no harm", "[cni][prevresult]") {
  const Result r =
      read(R"({"cniVersion":"1.1.0","interfaces":[{"name":"","mac":"","sandbox":null,"mtu":0,"pciID":null,"x":1}],
      "ips":[{"address":"10.0.0.2/24","gateway":"","interface":null,"version":4}],
      "routes":[{"dst":"10.9.9.9/8","gw":null,"mtu":0,"advmss":0,"priority":0,"table":null,"scope":null}],"dns":null,"y":[]})",
           "1.1.0");
  REQUIRE(r.interfaces.size() == 1);
  CHECK(r.interfaces[0] == trestle::cni::Interface{});
  CHECK_FALSE(r.ips[0].gateway);
  CHECK_FALSE(r.ips[0].interface);
  CHECK(r.routes[0] == trestle::cni::ResultRoute{trestle::net::Cidr::parse("10.0.0.0/8"), {}, {}, {}, {}, {}, {}});
  CHECK(read(R"({"interfaces":null,"ips":null,"routes":null,"dns":{}})", "0.4.0") == Result{});
  CHECK(read(R"({"ip4":null,"ip6":null})", "0.2.0") == Result{});
}

TEST_CASE("table and scope 0 are kept, they mean something", "[cni][prevresult]") {
  const Result r =
      read(R"({"routes":[{"dst":"0.0.0.0/0","table":0,"scope":0},{"dst":"0.0.0.0/0","table":4294967295,"scope":255}]})",
           "1.1.0");
  CHECK(r.routes[0].table == 0U);
  CHECK(r.routes[0].scope == 0U);
  CHECK(r.routes[1].table == 4294967295U);
  CHECK(r.routes[1].scope == 255U);
}

TEST_CASE("a prevResult that is wrong is refused with the place", "[cni][prevresult]") {
  struct Bad {
    std::string text, message;
  };
  const auto bad = GENERATE(values<Bad>({
      {"[]", "must be an object"},
      {"null", "must be an object"},
      {R"({"cniVersion":1})", "cniVersion: must be a string"},
      {R"({"interfaces":{"name":"x"}})", "interfaces: must be an array"},
      {R"({"interfaces":["eth0"]})", "interfaces[0]: must be an object"},
      {R"({"interfaces":[{"mac":"x"}]})", "interfaces[0]: name is missing"},
      {R"({"interfaces":[{"name":"x","mtu":-1}]})", "interfaces[0].mtu: must be a whole number from 0 to 4294967295"},
      {R"({"interfaces":[{"name":"x","mtu":1.5e9}]})",
       "interfaces[0].mtu: must be a whole number from 0 to 4294967295"},
      {R"({"interfaces":[{"name":"x","sandbox":5}]})", "interfaces[0].sandbox: must be a string"},
      {R"({"ips":[{}]})", "ips[0]: address is missing"},
      {R"({"ips":[{"address":5}]})", "ips[0].address: must be a string"},
      {R"({"ips":[null]})", "ips[0]: must be an object"},
      {R"({"ips":[{"address":"10.0.0.2/8","interface":0}]})",
       "ips[0].interface: there is no such interface in the list"},
      {R"({"interfaces":[{"name":"x"}],"ips":[{"address":"10.0.0.2/8","interface":1}]})",
       "ips[0].interface: there is no such interface in the list"},
      {R"({"interfaces":[{"name":"x"}],"ips":[{"address":"10.0.0.2/8","interface":-1}]})",
       "ips[0].interface: must be a whole number from 0 to 4294967295"},
      {R"({"routes":[{"gw":"10.0.0.1"}]})", "routes[0]: dst is missing"},
      {R"({"routes":[{"dst":"0.0.0.0/0","scope":256}]})", "routes[0].scope: must be a whole number from 0 to 255"},
      {R"({"routes":[{"dst":"0.0.0.0/0","table":4294967296}]})",
       "routes[0].table: must be a whole number from 0 to 4294967295"},
      {R"({"dns":[]})", "dns: must be an object"},
      {R"({"dns":{"nameservers":"10.0.0.1"}})", "dns.nameservers: must be an array"},
      {R"({"dns":{"search":[1]}})", "dns.search[0]: must be a string"},
  }));
  CAPTURE(bad.text);
  const Error e = error_of([&] { return read(bad.text, "1.1.0"); });
  CHECK(e.code == Code::decode);
  CHECK(e.what() == bad.message);
}

TEST_CASE("an address in a prevResult that is none is refused with the place", "[cni][prevresult]") {
  struct Bad {
    std::string text, place;
  };
  const auto bad = GENERATE(values<Bad>({
      {R"({"ips":[{"address":"10.0.0.2"}]})", "ips[0].address: "},
      {R"({"ips":[{"address":"10.0.0.2/8"},{"address":"10.0.0.2/40"}]})", "ips[1].address: "},
      {R"({"ips":[{"address":"10.0.0.2/8","gateway":"10.0.0"}]})", "ips[0].gateway: "},
      {R"({"routes":[{"dst":"default"}]})", "routes[0].dst: "},
      {R"({"routes":[{"dst":"0.0.0.0/0","gw":"gateway"}]})", "routes[0].gw: "},
  }));
  CAPTURE(bad.text);
  const Error e = error_of([&] { return read(bad.text, "1.0.0"); });
  CHECK(e.code == Code::decode);
  CHECK_THAT(e.what(), Catch::StartsWith(bad.place));
}
