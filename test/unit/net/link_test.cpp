#include <catch2/catch.hpp>

#include "base/error.h"
#include "net/ifname.h"
#include "net/mac.h"

using namespace trestle::net;
using trestle::base::Error;

TEST_CASE("a name the kernel would refuse or change is refused before the kernel sees it", "[net][ifname]") {
  const auto name = GENERATE(as<std::string>{}, "", ".", "..", "a/b", "a b", "a:1", "eth%d", "sixteen-letters-", "all",
                             "default", "tab\t", "line\n", "caf\xc3\xa9", "\x7f", std::string("a\0b", 3));
  CAPTURE(name);
  CHECK_THROWS_AS(IfName::parse(name), Error);
}

TEST_CASE("names that links really have are taken as they are", "[net][ifname]") {
  const auto name = GENERATE(as<std::string>{}, "e", "eth0", "eth0.100", "fifteen-letters", "pod_1@x", "...");
  CHECK(IfName::parse(name).str() == name);
}

TEST_CASE("a MAC is six pairs, whatever the case and the separator", "[net][mac]") {
  CHECK(Mac::parse("02:00:5e:10:00:01").str() == "02:00:5e:10:00:01");
  CHECK(Mac::parse("02-00-5E-10-00-0A").str() == "02:00:5e:10:00:0a");
  const auto bad = GENERATE(as<std::string>{}, "", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02:00:5e:10:00:0g",
                            "02:00:5e-10:00:01", "0200.5e10.0001", "02005e100001", "2:0:5e:10:0:1",
                            " 02:00:5e:10:00:01", "02:00:5e:10:00:01\n", "02:00:5e:10:00:+1", "020:0:5e:10:00:01");
  CAPTURE(bad);
  CHECK_THROWS_AS(Mac::parse(bad), Error);
}

TEST_CASE("a MAC that no station may have is refused with the reason", "[net][mac]") {
  CHECK_THROWS_WITH(Mac::parse_station("00:00:00:00:00:00"), Catch::Contains("zero"));
  CHECK_THROWS_WITH(Mac::parse_station("01:00:5e:00:00:01"), Catch::Contains("multicast"));
  CHECK_THROWS_WITH(Mac::parse_station("ff:ff:ff:ff:ff:ff"), Catch::Contains("multicast"));
  CHECK_THROWS_WITH(Mac::parse_station("fe:00:00:00:00:01"), Catch::Contains("host side"));
  CHECK(Mac::parse_station("00:16:3e:00:00:01").str() == "00:16:3e:00:00:01");
}

TEST_CASE("a MAC of a hash is the low 40 bits behind the given byte", "[net][mac]") {
  CHECK(Mac::from_hash(0x02, 0xAABBCC1122334455U).str() == "02:11:22:33:44:55");
  CHECK(Mac::from_hash(0xFE, 0).str() == "fe:00:00:00:00:00");
}
