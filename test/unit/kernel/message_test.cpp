#include <linux/rtnetlink.h>

#include <catch2/catch.hpp>

#include "kernel/address.h"
#include "kernel/announce.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "witness.h"

namespace trestle::test {

namespace {

using kernel::Batch;
using Lines = std::vector<std::string>;

net::IfName name(const char* text) { return net::IfName::parse(text); }

Lines link_lines(const Batch& batch) { return read_back(batch, sizeof(ifinfomsg)); }

const std::string kNoHeader(32, '0');  // an empty ifinfomsg

TEST_CASE("a bridge's message: name, MAC, group and kind, created exclusively, with an MTU that is yet to be changed",
          "[kernel][link]") {
  Batch batch;
  plan::Bridge bridge{name("tr0"), net::Mac::parse("02:00:00:00:00:b1"), 1500, 0x40000001};
  kernel::add_bridge(batch, bridge);
  CHECK(link_lines(batch) == Lines{"type 16 flags 605 header " + kNoHeader, "  3: 74723000", "  1: 0200000000b1",
                                   "  27: 01000040", "  4: db050000", "  18:", "    1: 62726964676500",
                                   "    2:", "      23: 00"});
  Batch odd;
  bridge.mtu = kernel::kBridgeBirthMtu;
  kernel::add_bridge(odd, bridge);
  CHECK(link_lines(odd).at(4) == "  4: dc050000");
}

TEST_CASE("a veth's message: both ends, the pod's in its namespace and without a group", "[kernel][link]") {
  Batch batch;
  kernel::add_veth(batch,
                   {name("veth1"), name("eth0"), net::Mac::parse("fe:00:00:00:00:02"),
                    net::Mac::parse("02:00:00:00:00:02"), 1400, name("tr0"), 0x40000002, "for people"},
                   7, 5);
  CHECK(link_lines(batch) == Lines{"type 16 flags 605 header " + kNoHeader, "  3: 766574683100", "  1: fe0000000002",
                                   "  4: 78050000", "  10: 07000000", "  27: 02000040", "  18:", "    1: 7665746800",
                                   "    2:", "      1: header " + kNoHeader, "        3: 6574683000",
                                   "        1: 020000000002", "        4: 78050000", "        28: 05000000"});
}

TEST_CASE("a port's messages: flags, then no IPv6 addresses", "[kernel][link]") {
  Batch batch;
  kernel::set_port(batch, {name("veth1"), true, false, true});
  CHECK(link_lines(batch) == Lines{"type 16 flags 005 header " + kNoHeader, "  3: 766574683100",
                                   "  18:", "    4: 62726964676500", "    5:", "      4: 01", "      33: 00",
                                   "      5: 01", "      8: 01", "      9: 01", "      27: 01", "      30: 01",
                                   "      39: 00", "type 19 flags 005 header " + kNoHeader, "  3: 766574683100",
                                   "  26:", "    10:", "      8: 01"});
}

TEST_CASE("a change holds what is given and nothing else", "[kernel][link]") {
  Batch batch;
  kernel::set_link(batch, name("tr0"), std::nullopt, nullptr, std::nullopt, std::nullopt);
  kernel::set_link(batch, name("tr0"), 1500, nullptr, 9, "me");
  kernel::set_up(batch, name("tr0"));
  kernel::delete_link(batch, 0x11, "tr0");
  kernel::delete_group(batch, 9);
  CHECK(link_lines(batch) == Lines{"type 19 flags 005 header " + kNoHeader, "  3: 74723000",
                                   "type 19 flags 005 header " + kNoHeader, "  3: 74723000", "  4: dc050000",
                                   "  27: 09000000", "  20: 6d65",
                                   "type 19 flags 005 header 00000000000000000100000001000000", "  3: 74723000",
                                   "type 17 flags 005 header 00000000110000000000000000000000",
                                   "type 17 flags 005 header " + kNoHeader, "  27: 09000000"});
}

TEST_CASE("an address's message has a broadcast where there is one, and no DAD for IPv6", "[kernel][address]") {
  Batch batch;
  for (const char* text : {"10.88.0.2/16", "10.88.0.2/31", "10.88.0.2/32", "fd88::2/64"})
    kernel::add_address(batch, 3, net::Cidr::parse(text), false, text);
  const std::string v6 = "fd880000000000000000000000000002";
  CHECK(read_back(batch, sizeof(ifaddrmsg)) ==
        Lines{"type 20 flags 605 header 0210000003000000", "  2: 0a580002", "  1: 0a580002", "  4: 0a58ffff",
              "type 20 flags 605 header 021f000003000000", "  2: 0a580002", "  1: 0a580002",
              "type 20 flags 605 header 0220000003000000", "  2: 0a580002", "  1: 0a580002",
              "type 20 flags 605 header 0a40020003000000", "  2: " + v6, "  1: " + v6});
}

TEST_CASE("a route's message: destination without host bits, way, table and metrics", "[kernel][route]") {
  const auto route = [](const char* dst) {
    return plan::Route{{plan::Where::pod, name("eth0")}, net::Cidr::parse(dst), {}, {}, {}, {}, {}, {}};
  };
  Batch batch;
  plan::Route all = route("10.9.1.1/16");
  all.via = net::Ip::parse("10.88.0.1");
  all.table = 1234;
  all.metric = 50;
  all.mtu = 1400;
  all.advmss = 1360;
  kernel::add_route(batch, 3, all, false, "all");
  kernel::add_route(batch, 3, route("0.0.0.0/0"), false, "on-link");
  kernel::delete_route(batch, 3, all, "delete");
  CHECK(read_back(batch, sizeof(rtmsg)) ==
        Lines{"type 24 flags 605 header 02100000fc04000100000000", "  15: d2040000", "  1: 0a090000", "  4: 03000000",
              "  5: 0a580001", "  6: 32000000", "  8:", "    2: 78050000", "    8: 50050000",
              "type 24 flags 605 header 02000000fe04fd0100000000", "  15: fe000000", "  4: 03000000",
              "type 25 flags 005 header 02100000fc04ff0100000000", "  15: d2040000", "  1: 0a090000", "  4: 03000000",
              "  5: 0a580001", "  6: 32000000"});
}

TEST_CASE("an announcement asks the kernel to use each own IPv4 address", "[kernel][announce]") {
  Batch batch;
  kernel::announce_arp(
      batch, 3,
      {name("eth0"), net::Mac::parse("02:00:00:00:00:02"), {net::Ip::parse("10.88.0.2"), net::Ip::parse("fd88::2")}});
  CHECK(read_back(batch, sizeof(ndmsg)) == Lines{"type 28 flags 405 header 020000000300000000000100", "  1: 0a580002"});
}

}  // namespace

}  // namespace trestle::test
