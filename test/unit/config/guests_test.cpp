// guestServices: what is read of it, and where it cannot be had.
#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;

TEST_CASE("guestServices: each service is asked for by name, and told what the network tells", "[config][guests]") {
  const auto conf =
      parsed(R"({"guestServices": {"dhcp": true, "ra": true, "dns": true, "ntp": ["192.0.2.1", "2001:db8::1"]},
    "dns": {"nameservers": ["192.0.2.53", "fe80::1%eth0"], "domain": "example.org", "search": ["a.example", "b.example"]},
    "args": {"cni": {"vm": "vm1"}}})",
             cni::Args::parse("K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=shop"));
  REQUIRE(conf.guests);
  CHECK(conf.guests->dhcp);
  CHECK(conf.guests->ra);
  CHECK(conf.guests->dns);
  CHECK(conf.guests->ntp == std::vector<net::Ip>{net::Ip::parse("192.0.2.1"), net::Ip::parse("2001:db8::1")});
  CHECK(conf.guests->nameservers == std::vector<net::Ip>{net::Ip::parse("192.0.2.53")});
  CHECK(conf.guests->search == std::vector<std::string>{"a.example", "b.example"});
  CHECK(conf.guests->domain == "example.org");
  CHECK(conf.guests->names == std::vector<std::string>{"vm1", "web-0", "web-0.shop"});
  CHECK(parsed(R"({"guestServices": {"dns": true}})",
               cni::Args::parse("K8S_POD_NAME=virt-launcher-db-x7k2p;K8S_POD_NAMESPACE=shop"))
            .guests->names ==
        std::vector<std::string>{"db", "db.shop", "virt-launcher-db-x7k2p", "virt-launcher-db-x7k2p.shop"});
  CHECK_FALSE(parsed(R"({"guestServices": {"dhcp": false}})").guests);
  CHECK_FALSE(parsed("{}").guests);
  CHECK_FALSE(parsed(R"({"guestServices": {"dns": true}})").guests->dhcp);
  CHECK(parsed(R"({"guestServices": {"dns": true}, "dns": {"domain": "a.b."}})").guests->domain == "a.b");
  // A runtime's DNS for one pod must not become that of all.
  CHECK(parsed(R"({"guestServices": {"dns": true}, "runtimeConfig": {"dns": {"servers": ["192.0.2.9"]}}})")
            .guests->nameservers.empty());
}

TEST_CASE("guestServices are refused where they cannot be had, with the reason", "[config][guests]") {
  struct Case {
    std::string patch, says;
    int code = 7;
  };
  const auto c = GENERATE(values<Case>({
      {R"({"mode": "bridge", "uplink": "eth1", "guestServices": {"dhcp": true}})", "served by the LAN"},
      {R"({"subnets": "absent!", "guestServices": {"dhcp": true}})", "another plugin's"},
      {R"({"mode": "isolated", "subnets": "absent!", "guestServices": {"dhcp": true}})", "needs addresses"},
      {R"({"subnets": "absent!", "ipam": {"type": "host-local"}, "mode": "nat", "guestServices": {"dhcp": true}})",
       "built-in IPAM"},
      {R"({"guestServices": {"ra": true}})", "\"ra\" needs \"dhcp\""},
      {R"({"subnets": ["fd88::/56"], "guestServices": {"dhcp": true, "ra": true}})", "/64 or longer"},
      {R"({"subnets": "absent!", "ipam": {"subnet": "10.88.0.0/16", "gateway": "169.254.1.1"}, "guestServices": {"dhcp": true}})",
       "has its gateway outside"},
      {R"({"guestServices": {"dhcp": true, "ntp": ["pool.ntp.org"]}})", "is no IPv4 or IPv6 address"},
      {R"({"guestServices": {"dns": true}, "dns": {"search": ["a,b"]}})", "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"domain": "a\"b"}})", "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"search": ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.org"]}})",
       "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"domain": "a..b"}})", "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"domain": "."}})", "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"domain": "-a.b"}})", "is no domain name"},
      {R"({"guestServices": {"dns": true}, "dns": {"domain": "a.b-."}})", "is no domain name"},
      {R"({"guestServices": {"dhcp": "yes"}})", "guestServices.dhcp"},
      {R"({"guestServices": true})", "guestServices"},
      {R"({"guestServices": {"dhcp": true, "slaac": true}})", "addresses are leased", 2},
      {R"({"guestServices": {"dchp": true}})", "did you mean \"dhcp\"?", 2},
  }));
  CAPTURE(c.patch);
  const Refusal r = refusal(c.patch);
  CHECK(r.code == c.code);
  CHECK_THAT(r.message, Contains(c.says));
}
