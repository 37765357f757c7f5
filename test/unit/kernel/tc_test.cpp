#include "kernel/tc.h"

#include <linux/rtnetlink.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel/link.h"
#include "witness.h"

namespace trestle::test {

namespace {

using kernel::Batch;
using kernel::Bucket;
using kernel::bucket_of;
using Lines = std::vector<std::string>;

net::IfName name(const char* text) { return net::IfName::parse(text); }

TEST_CASE("a limit in bits becomes bytes, 25 ms of which may wait", "[kernel][tc]") {
  CHECK(bucket_of({20'000'000, 1'600'000}, 1500) == Bucket{2'500'000, 200'000, 262'500});
  CHECK(bucket_of({9, 16'000}, 1500) == Bucket{1, 2'000, 2'000});
  // A bucket that no full frame fits into lets none through.
  CHECK(bucket_of({8'000, 8}, 1500) == Bucket{1'000, 1'518, 1'543});
  CHECK(bucket_of({8'000, 8}, 9000).burst == 9'018);
  // Nothing wraps at 32 bits.
  CHECK(bucket_of({1'000'000'000'000, 0xffffffffULL * 8}, 1500) == Bucket{125'000'000'000, 0xffffffff, 0xffffffff});
}

TEST_CASE("a limit's message needs no table of the kernel and replaces nobody's qdisc", "[kernel][tc]") {
  Batch batch;
  kernel::set_bucket(batch, 0x11, name("veth1"), {2'500'000, 200'000, 262'500});
  const std::string header = "00000000110000000000" + std::string("7274") + "ffffffff00000000";
  // rate: linklayer Ethernet, 0x2625a0 byte/s; no peak; limit 0x40164; buffer and mtu 0
  const std::string parms = "0001000000000000a0252600" + std::string(24, '0') + "64010400" + std::string(16, '0');
  CHECK(read_back(batch, sizeof(tcmsg)) ==
        Lines{"type 36 flags 405 header " + header, "  1: 74626600", "  2:", "    1: " + parms, "    6: 400d0300"});
  Batch fast;
  kernel::set_bucket(fast, 0x11, name("veth1"), {0x100000001, 1, 1});
  CHECK(read_back(fast, sizeof(tcmsg)).at(4) == "    4: 0100000001000000");
}

TEST_CASE("a redirect is an ingress qdisc and one filter that takes every frame", "[kernel][tc]") {
  Batch batch;
  kernel::redirect_ingress(batch, 0x11, name("veth1"), 0x12);
  const std::string at = "0000000011000000", filter = at + "000000000000ffff00037274";
  CHECK(read_back(batch, sizeof(tcmsg)) ==
        Lines{"type 36 flags 405 header " + at + "0000fffff1ffffff00000000", "  1: 696e677265737300",
              "type 45 flags 005 header " + filter, "  1: 75333200", "type 44 flags 605 header " + filter,
              "  1: 75333200", "  2:", "    7:", "      1:", "        1: 6d697272656400", "        2:",
              "          2: " + std::string(16, '0') + "04000000" + std::string(16, '0') + "0100000012000000",
              "    5: 01" + std::string(30, '0')});
}

TEST_CASE("an ifb's messages: group and MTU from birth, down; then alias, and no IPv6", "[kernel][tc]") {
  Batch batch;
  const plan::Shape shape{name("veth1"), name("ifb1"), {}, {8, 8}, 0x40000002, 1400, "me"};
  kernel::add_ifb(batch, shape);
  kernel::dress_ifb(batch, shape);
  const std::string none(32, '0');
  CHECK(read_back(batch, sizeof(ifinfomsg)) ==
        Lines{"type 16 flags 605 header " + none, "  3: 6966623100", "  4: 78050000", "  27: 02000040",
              "  18:", "    1: 69666200", "type 19 flags 005 header " + none, "  3: 6966623100", "  4: 78050000",
              "  27: 02000040", "  20: 6d65", "type 19 flags 005 header " + none, "  3: 6966623100",
              "  26:", "    10:", "      8: 01"});
}

TEST_CASE("a bucket holds when it differs by what the kernel rounds, and not by more", "[kernel][tc]") {
  const Bucket wanted{125'000'000, 200'000, 300'000};  // 8 bytes a tick
  for (const std::uint32_t burst : {200'000U, 199'992U, 200'007U}) {
    CAPTURE(burst);
    CHECK(kernel::holds({wanted.rate, burst, wanted.limit}, wanted));
  }
  CHECK_FALSE(kernel::holds({wanted.rate, 199'000, wanted.limit}, wanted));
  CHECK_FALSE(kernel::holds({wanted.rate, 201'000, wanted.limit}, wanted));
  CHECK_FALSE(kernel::holds({wanted.rate + 1, wanted.burst, wanted.limit}, wanted));
  CHECK_FALSE(kernel::holds({wanted.rate, wanted.burst, wanted.limit - 1}, wanted));
  CHECK(kernel::holds({1, 7, 0xffffffff}, {1, 0xffffffff, 0xffffffff}));  // the kernel does not tell such a burst
}

TEST_CASE("a kernel without ifb, tbf, u32 or mirred is named, with what to do", "[kernel][tc]") {
  const auto code = [](int err) {
    try {
      kernel::refuse_tc({0, err, "link ifb1: create ifb (Unknown device type)"});
    } catch (const base::Error& e) {
      CHECK(std::string(e.what()).starts_with("link ifb1: create ifb (Unknown device type): "));
      return e.code;
    }
  };
  CHECK(code(EOPNOTSUPP) == base::Code::kernel_lacks);  // no such kind of link
  CHECK(code(ENOENT) == base::Code::kernel_lacks);      // no such qdisc, classifier or action
  CHECK(code(EPERM) == base::Code::kernel);
  CHECK(code(EAGAIN) == base::Code::try_again);
}

TEST_CASE("a qdisc is told as tc tells it", "[kernel][tc]") {
  CHECK(kernel::Qdisc{"htb", 0x10000, {}}.str() == "htb 1:");
  CHECK(kernel::Qdisc{"fq_codel", 0x80010000, {}}.str() == "fq_codel 8001:");
  CHECK(kernel::Qdisc{"clsact", 0xffff0000, {}}.str() == "clsact ffff:");
}

}  // namespace

}  // namespace trestle::test
