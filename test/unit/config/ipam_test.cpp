#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

namespace {

// The pools as text: sets between "|", each with its gateways.
std::string pools(const config::NetConf& conf) {
  std::string out;
  for (const ipam::RangeSet& set : conf.ipam.ranges) {
    out += (out.empty() ? "" : " | ") + ipam::text(set) + " via";
    for (const ipam::Range& range : set) out += " " + (range.gateway ? range.gateway->str() : "none");
  }
  return out;
}

std::string with_ipam(const std::string& ipam, const std::string& more = "") {
  return R"({"subnets": "absent!", "ipam": )" + ipam + more + "}";
}

}  // namespace

TEST_CASE("subnets: one address per family, several of a family are one pool, IPv4 first", "[config][ipam]") {
  struct Case {
    std::string subnets, want;
  };
  const auto c = GENERATE(values<Case>({
      {R"(["10.88.0.0/16"])", "10.88.0.2-10.88.255.254 via 10.88.0.1"},
      {R"(["fd88::/64", "10.88.0.0/24"])",
       "10.88.0.2-10.88.0.254 via 10.88.0.1 | fd88::2-fd88::ffff:ffff:ffff:ffff via fd88::1"},
      {R"(["10.1.0.0/30", "fd88::/126", "10.2.0.0/30"])",
       "10.1.0.2,10.2.0.2 via 10.1.0.1 10.2.0.1 | fd88::2-fd88::3 via fd88::1"},
      {R"(["10.1.0.0/31"])", "10.1.0.1 via 10.1.0.0"},
      {R"(["fd88::/127"])", "fd88::1 via fd88::"},
      {R"(["10.0.0.0/8"])", "10.0.0.2-10.255.255.254 via 10.0.0.1"},
  }));
  CAPTURE(c.subnets);
  CHECK(pools(parsed(R"({"subnets": )" + c.subnets + "}")) == c.want);
}

TEST_CASE("ipam takes host-local's keys", "[config][ipam]") {
  struct Case {
    std::string ipam, want;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"subnet": "10.1.0.0/24"})", "10.1.0.2-10.1.0.254 via 10.1.0.1"},
      {R"({"type": "trestle", "subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20", "gateway": "10.1.0.254"})",
       "10.1.0.10-10.1.0.20 via 10.1.0.254"},
      {R"({"ranges": [[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20"}, {"subnet": "10.2.0.0/24"}],
           [{"subnet": "fd88::/126"}]]})",
       "10.1.0.10-10.1.0.20,10.2.0.2-10.2.0.254 via 10.1.0.1 10.2.0.1 | fd88::2-fd88::3 via fd88::1"},
      // The flat range stands before the others.
      {R"({"subnet": "10.1.0.0/30", "ranges": [[{"subnet": "10.2.0.0/30"}]]})",
       "10.1.0.2 via 10.1.0.1 | 10.2.0.2 via 10.2.0.1"},
      {R"({"subnet": "10.1.0.0/29", "exclude": ["10.1.0.2", "10.1.0.6/32"]})", "10.1.0.3-10.1.0.5 via 10.1.0.1"},
      {R"({"ranges": [[{"subnet": "10.1.0.0/29", "exclude": ["10.1.0.2"]}], [{"subnet": "fd88::/125"}]], "exclude": ["fd88::/126"]})",
       "10.1.0.3-10.1.0.6 via 10.1.0.1 | fd88::4-fd88::7 via fd88::1"},
      {R"({"subnet": "10.1.0.0/30", "dataDir": "/var/lib/cni/networks", "_comment": "taken over", "rangeStart": "", "gateway": null})",
       "10.1.0.2 via 10.1.0.1"},
  }));
  CAPTURE(c.ipam);
  CHECK(pools(parsed(with_ipam(c.ipam))) == c.want);
}

TEST_CASE("the runtime's ranges stand first", "[config][ipam]") {
  const std::string runtime = R"("runtimeConfig": {"ipRanges": [[{"subnet": "10.7.0.0/30"}]]})";
  CHECK(pools(parsed("{" + runtime + "}")) == "10.7.0.2 via 10.7.0.1 | 10.88.0.2-10.88.255.254 via 10.88.0.1");
  CHECK(pools(parsed(R"({"subnets": "absent!", )" + runtime + "}")) == "10.7.0.2 via 10.7.0.1");
  CHECK_THAT(refusal(R"({"runtimeConfig": {"ipRanges": [[{"subnet": "10.88.1.0/24"}]]}})").message,
             Contains("overlap"));
}

TEST_CASE("routes arrive with all they say, where 0 is a scope, the main table, and no metric", "[config][ipam]") {
  const config::NetConf conf = parsed(with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [
      {"dst": "0.0.0.0/0"},
      {"dst": "10.9.0.0/16", "gw": "10.1.0.3", "mtu": 1400, "advmss": 1360, "priority": 5, "table": 4294967295, "scope": 253},
      {"dst": "10.8.0.0/16", "gw": "", "mtu": 0, "advmss": 0, "priority": 0, "table": 0, "scope": 0}]})"));
  const auto& routes = conf.ipam.routes;
  REQUIRE(routes.size() == 3);
  CHECK(routes[0] == cni::ResultRoute{net::Cidr::parse("0.0.0.0/0"), {}, {}, {}, {}, {}, {}});
  CHECK(routes[1] ==
        cni::ResultRoute{net::Cidr::parse("10.9.0.0/16"), net::Ip::parse("10.1.0.3"), 1400, 1360, 5, 4294967295U, 253});
  CHECK(routes[2] == cni::ResultRoute{net::Cidr::parse("10.8.0.0/16"), {}, {}, {}, {}, {}, 0});
}

TEST_CASE("addresses that cannot be are refused with the place and the reason", "[config][ipam]") {
  struct Case {
    std::string patch;
    int code;
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"subnets": "absent!", "mode": "nat"})", 7, R"(add "subnets": ["10.88.0.0/16", "fd88::/64"])"},
      {R"({"subnets": []})", 7, R"(add "subnets")"},
      {with_ipam("{}"), 7, R"(add "subnets")"},
      {with_ipam(R"({"type": "trestle"})"), 7, R"(add "subnets")"},
      {R"({"ipam": {"subnet": "10.1.0.0/24"}})", 7, "exclude each other"},
      {R"({"subnets": "10.88.0.0/16"})", 7, "subnets: must be an array"},
      {R"({"subnets": ["10.88.0.1/16"]})", 7, "subnets[0]: \"10.88.0.1/16\" has host bits set"},
      {R"({"subnets": ["10.88.0.0"]})", 7, "subnets[0]: "},
      {R"({"subnets": [5]})", 7, "subnets[0]: must be a string"},
      {R"({"subnets": ["10.88.0.0/16", "10.88.1.0/24"]})", 7, "overlap"},
      {R"({"subnets": ["127.0.0.0/8"]})", 7, "meets 127.0.0.0/8"},
      {R"({"subnets": ["0.0.0.0/0"]})", 7, "meets 0.0.0.0/8"},
      {R"({"subnets": ["224.1.0.0/16"]})", 7, "meets 224.0.0.0/4"},
      {R"({"subnets": ["::/0"]})", 7, "meets ::1/128"},
      {R"({"subnets": ["fe80::/64"]})", 7, "meets fe80::/10"},
      {R"({"subnets": ["::ffff:10.0.0.0/120"]})", 7, "subnets[0]: "},
      {with_ipam("[]"), 7, R"(add "subnets")"},
      {with_ipam("[1]"), 7, "ipam: must be an object"},
      {with_ipam(R"({"rangeStart": "10.1.0.5"})"), 7, "ipam.rangeStart: needs \"subnet\""},
      {with_ipam(R"({"ranges": [{"subnet": "10.1.0.0/24"}]})"), 7, "ipam.ranges[0]: must be an array"},
      {with_ipam(R"({"ranges": [[]]})"), 7, "ipam.ranges[0]: has no range"},
      {with_ipam(R"({"ranges": [["10.1.0.0/24"]]})"), 7, "ipam.ranges[0][0]: must be an object"},
      {with_ipam(R"({"ranges": [[{"gateway": "10.1.0.1"}]]})"), 7, "ipam.ranges[0][0]: \"subnet\" is missing"},
      {with_ipam(R"({"ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": "fd88::/64"}]]})"), 7, "mixes IPv4 and IPv6"},
      {with_ipam(R"({"ranges": [[{"subnet": "10.1.0.0/24", "rangeEnd": "10.2.0.1"}]]})"), 7,
       "ipam.ranges[0][0]: rangeEnd"},
      {with_ipam(R"({"ranges": [[{"subnet": "10.1.0.0/24", "rangestart": "10.1.0.9"}]]})"), 2,
       R"(did you mean "rangeStart"?)"},
      {with_ipam(R"({"ranges": [[{"subnet": "10.1.0.0/24", "routes": [1]}]]})"), 2, "ipam.ranges[0][0].routes"},
      {with_ipam(R"({"subnet": "10.1.0.0/30", "exclude": ["10.1.0.2"]})"), 7, "nothing is left"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "exclude": ["10.2.0.0/24"]})"), 7,
       "ipam.exclude[0]: \"10.2.0.0/24\" meets no range"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "exclude": ["10.1.0.9/24"]})"), 7, "ipam.exclude[0]: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "resolvConf": "/etc/resolv.conf"})"), 2, "nameservers"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "subnets": ["10.1.0.0/24"]})"), 2, "ipam.subnets"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "type": 5})"), 7, "ipam.type: must be a string"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"gw": "10.1.0.1"}]})"), 7,
       "ipam.routes[0]: \"dst\" is missing"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "10.9.0.1/16"}]})"), 7, "ipam.routes[0].dst: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "gw": "fd88::1"}]})"), 7,
       "not of one family"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "::/0"}]})"), 7,
       "family that the network has no addresses of"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "0.0.0.0/0"}]})"), 7,
       "second route to 0.0.0.0/0"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "metric": 5}]})"), 2, "priority"},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "scope": 256}]})"), 7,
       "ipam.routes[0].scope: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "table": 4294967296}]})"), 7,
       "ipam.routes[0].table: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "priority": -1}]})"), 7,
       "ipam.routes[0].priority: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "routes": [{"dst": "0.0.0.0/0", "mtu": 65536}]})"), 7,
       "ipam.routes[0].mtu: "},
      {with_ipam(R"({"subnet": "10.1.0.0/24", "dataDir": 5})"), 7, "ipam.dataDir: must be a string"},
  }));
  CAPTURE(c.patch);
  const Refusal r = refusal(c.patch);
  CHECK(r.code == c.code);
  CHECK_THAT(r.message, Contains(c.says));
}

TEST_CASE("who says nothing of a network adds to the interface of the plugin before", "[config][ipam][chained]") {
  CHECK(parsed(R"({"subnets": "absent!"})").mode == "chained");
  CHECK(parsed(R"({"subnets": "absent!", "spoofCheck": false, "portIsolation": true})").mode == "chained");
  CHECK(parsed("{}").mode == "nat");
  CHECK(refusal(R"({"subnets": "absent!", "bridge": "br0"})").code == 7);
}

TEST_CASE("a hostile number of ranges and exclusions is refused before it costs anything", "[config][ipam]") {
  const auto many = [](std::size_t count, const std::string& item) {
    std::string list = "[" + item;
    for (std::size_t i = 1; i < count; ++i) list += "," + item;
    return list + "]";
  };
  const std::string range = R"({"subnet": "10.0.0.0/8", "rangeStart": "10.0.0.5", "rangeEnd": "10.0.0.6"})";
  const auto refused = [](const std::string& patch) {
    const Refusal r = refusal(patch);
    CHECK(r.code == 7);
    CHECK_THAT(r.message, Contains("more than 256"));
  };
  refused(with_ipam(R"({"subnet": "10.0.0.0/8", "exclude": )" + many(257, "\"10.0.0.9\"") + "}"));
  refused(with_ipam(R"({"ranges": [)" + many(257, range) + "]}"));
  refused(with_ipam(R"({"ranges": )" + many(100, many(100, range)) + "}"));
  refused(R"({"subnets": )" + many(257, "\"10.0.0.0/8\"") + "}");
  refused(R"({"runtimeConfig": {"ips": )" + many(257, "\"10.88.0.9\"") + "}}");
}

TEST_CASE("another plugin's ipam is kept whole, and asks for no subnet of ours", "[config][ipam]") {
  const config::NetConf conf = parsed(with_ipam(R"({"type": "host-local", "some": {"key": 1}})"));
  REQUIRE(conf.ipam.delegate.has_value());
  CHECK(conf.ipam.delegate->type == "host-local");
  CHECK(conf.ipam.ranges.empty());
  CHECK_THAT(conf.ipam.delegate->conf, Contains(R"("some":{"key":1})"));
  for (const char* type : {"../x", "/bin/sh", ".", "a/b"})
    CHECK(refusal(with_ipam(R"({"type": ")" + std::string(type) + R"("})")).code == 7);
}
