#include "net/ip.h"

#include <catch2/catch.hpp>
#include <functional>

#include "base/error.h"

using namespace trestle::net;
using trestle::base::Code;
using trestle::base::Error;

namespace {
Code code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.code;
  }
  FAIL("nothing was thrown");
  return Code::bug;
}
}  // namespace

TEST_CASE("an address reads back as RFC 5952 writes it", "[net][ip]") {
  struct Case {
    std::string in, out;
  };
  const auto c = GENERATE(values<Case>({
      {"10.88.0.2", "10.88.0.2"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"FD88:0:0:0::2", "fd88::2"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one zero word is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of two
      {"::1:2", "::1:2"},                                // not ::0.1.0.2
      {"::10.1.2.3", "::a01:203"},
      {"64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  }));
  CHECK(Ip::parse(c.in).str() == c.out);
  CHECK(Ip::parse(c.out) == Ip::parse(c.in));
  CHECK(Ip::from_bytes(Ip::parse(c.in).bytes()) == Ip::parse(c.in));
}

TEST_CASE("what is no address is refused by name", "[net][ip]") {
  const auto bad =
      GENERATE(as<std::string>{}, "", "10.88.0", "10.88.0.256", "10.88.0.02", "0x0a.1.1.1", "1", "10.88.0.2 ",
               " 10.88.0.2", "10.88.0.2/16", "fd88:::1", "fd88::1%eth0", "[::1]", "::ffff:10.0.0.1", "::ffff:a00:1",
               "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "g::", std::string("10.0.0.1\0", 9), std::string(5000, '1'));
  CAPTURE(bad);
  CHECK_FALSE(Ip::try_parse(bad));
  CHECK(code_of([&] { Ip::parse(bad); }) == Code::bad_config);
}

TEST_CASE("bytes of no address are a bug, not a crash", "[net][ip]") {
  CHECK(code_of([] { Ip::from_bytes("12345"); }) == Code::bug);
  CHECK(code_of([] { Ip::from_bytes(""); }) == Code::bug);
}

TEST_CASE("kinds of address", "[net][ip]") {
  CHECK(Ip::parse("224.0.0.1").is_multicast());
  CHECK(Ip::parse("239.255.255.255").is_multicast());
  CHECK_FALSE(Ip::parse("240.0.0.0").is_multicast());
  CHECK_FALSE(Ip::parse("223.255.255.255").is_multicast());
  CHECK(Ip::parse("ff02::1").is_multicast());
  CHECK_FALSE(Ip::parse("fe80::1").is_multicast());
  CHECK(Ip::parse("169.254.1.1").is_link_local());
  CHECK_FALSE(Ip::parse("169.253.255.255").is_link_local());
  CHECK(Ip::parse("fe80::1").is_link_local());
  CHECK(Ip::parse("febf::1").is_link_local());
  CHECK_FALSE(Ip::parse("fec0::1").is_link_local());
  CHECK(Ip::parse("127.0.0.1").is_loopback());
  CHECK(Ip::parse("::1").is_loopback());
  CHECK_FALSE(Ip::parse("128.0.0.1").is_loopback());
  CHECK(Ip::parse("::").is_unspecified());
  CHECK(Ip::parse("0.0.0.0").is_unspecified());
}

TEST_CASE("the ends of a prefix, from nothing to everything", "[net][cidr]") {
  struct Case {
    std::string cidr, first, last;
  };
  const auto c = GENERATE(values<Case>({
      {"10.88.3.4/16", "10.88.0.0", "10.88.255.255"},
      {"10.88.3.4/32", "10.88.3.4", "10.88.3.4"},
      {"10.88.3.5/31", "10.88.3.4", "10.88.3.5"},
      {"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
      {"fd88::5/64", "fd88::", "fd88::ffff:ffff:ffff:ffff"},
      {"fd88::5/127", "fd88::4", "fd88::5"},
      {"fd88::5/128", "fd88::5", "fd88::5"},
      {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  }));
  const Cidr cidr = Cidr::parse(c.cidr);
  CHECK(cidr.str() == c.cidr);
  CHECK(cidr.first().str() == c.first);
  CHECK(cidr.last().str() == c.last);
  CHECK(cidr.contains(cidr.first()));
  CHECK(cidr.contains(cidr.last()));
}

TEST_CASE("what is no prefix is refused", "[net][cidr]") {
  const auto bad =
      GENERATE(as<std::string>{}, "", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
               "10.0.0.0/ 8", "10.0.0.0/8/8", "fd88::/129", "fd88::/255.0", "/24", "::ffff:10.0.0.0/104");
  CAPTURE(bad);
  CHECK(code_of([&] { Cidr::parse(bad); }) == Code::bad_config);
}

TEST_CASE("a network has no host bits, and the error says what it would be", "[net][cidr]") {
  CHECK(Cidr::parse_network("10.88.0.0/16").str() == "10.88.0.0/16");
  CHECK(Cidr::parse_network("::/0").str() == "::/0");
  CHECK_THROWS_WITH(Cidr::parse_network("10.88.0.1/16"), Catch::Contains("10.88.0.0/16"));
  CHECK_THROWS_WITH(Cidr::parse_network("fd88::1/64"), Catch::Contains("fd88::/64"));
}

TEST_CASE("prefixes meet or do not, and never across families", "[net][cidr]") {
  const auto meets = [](const char* a, const char* b) { return Cidr::parse(a).overlaps(Cidr::parse(b)); };
  CHECK(meets("10.0.0.0/8", "10.88.0.0/16"));
  CHECK(meets("10.88.0.0/16", "10.0.0.0/8"));
  CHECK(meets("10.88.0.7/16", "10.88.9.9/32"));
  CHECK_FALSE(meets("10.88.0.0/16", "10.89.0.0/16"));
  CHECK(meets("::/0", "fd88::/64"));
  CHECK_FALSE(meets("::/0", "10.88.0.0/16"));
  CHECK_FALSE(Cidr::parse("::/0").contains(Ip::parse("10.0.0.1")));
  CHECK_FALSE(Cidr::parse("0.0.0.0/0").contains(Ip::parse("::1")));
}
