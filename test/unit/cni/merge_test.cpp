#include "cni/merge.h"

#include <catch2/catch.hpp>

using trestle::cni::merge;
using trestle::cni::Result;
using trestle::net::Cidr;

namespace {

Result result(const char* nic, const char* address, const char* nameserver) {
  Result r;
  r.interfaces = {{"tr0", "", {}, "", "", ""}, {nic, "", {}, "/run/netns/box", "", ""}};
  r.ips = {{Cidr::parse(address), {}, 1}, {Cidr::parse(address), {}, {}}};
  r.routes = {{Cidr::parse("0.0.0.0/0"), {}, {}, {}, {}, {}, {}}};
  if (nameserver != nullptr) r.dns.nameservers = {nameserver};
  return r;
}

}  // namespace

TEST_CASE("what earlier plugins of a chain made stays, ours comes behind it", "[cni][merge]") {
  const Result merged = merge(result("eth0", "10.0.0.2/24", "10.0.0.1"), result("eth1", "10.1.0.2/24", nullptr));
  REQUIRE(merged.interfaces.size() == 4);
  CHECK(merged.interfaces[1].name == "eth0");
  CHECK(merged.interfaces[3].name == "eth1");
  REQUIRE(merged.ips.size() == 4);
  CHECK(merged.ips[0].interface == 1U);
  CHECK(merged.ips[2].address.str() == "10.1.0.2/24");
  CHECK(merged.ips[2].interface == 3U);
  CHECK_FALSE(merged.ips[3].interface);
  CHECK(merged.routes.size() == 2);
}

TEST_CASE("our DNS settings replace the chain's, whole, when there are any", "[cni][merge]") {
  const Result theirs = result("eth0", "10.0.0.2/24", "10.0.0.1");
  CHECK(merge(theirs, result("eth1", "10.1.0.2/24", nullptr)).dns == theirs.dns);
  CHECK(merge(theirs, result("eth1", "10.1.0.2/24", "10.1.0.1")).dns.nameservers ==
        std::vector<std::string>{"10.1.0.1"});
}

TEST_CASE("merging with nothing changes nothing", "[cni][merge]") {
  const Result one = result("eth0", "10.0.0.2/24", "10.0.0.1");
  CHECK(merge(one, {}) == one);
  CHECK(merge({}, one) == one);
}
