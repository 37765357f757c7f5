#include "kernel/attrs.h"

#include <linux/rtnetlink.h>

#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "kernel/link.h"
#include "kernel/netlink.h"

namespace trestle::test {

namespace {

using kernel::Attrs;

std::string attr(std::uint16_t length, std::uint16_t type, std::string payload) {
  const nlattr header{length, type};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + std::move(payload);
}

TEST_CASE("attributes are found by type, the last one counts, and what is absent is absent", "[kernel][attrs]") {
  const std::string bytes = attr(5, 1, std::string("\x07\0\0\0", 4)) + attr(8, 2, std::string("\x78\x56\x34\x12", 4)) +
                            attr(9, 3, std::string("eth0\0\0\0\0", 8)) + attr(4, 4, "") +
                            attr(8, 2 | NLA_F_NESTED, attr(4, 9, ""));
  const Attrs attrs(bytes);
  CHECK(attrs.u8(1) == 7);
  CHECK_FALSE(attrs.u32(1));
  CHECK(attrs.text(3) == "eth0");
  CHECK(attrs.has(4));
  CHECK_FALSE(attrs.u8(4));
  CHECK(attrs.nest(2).has(9));
  CHECK_FALSE(attrs.has(5));
  CHECK_FALSE(attrs.has(60000));
  CHECK(attrs.text(5).empty());
  CHECK_FALSE(attrs.nest(5).has(1));
}

TEST_CASE("an attribute that lies about its length ends the reading", "[kernel][attrs]") {
  const std::string good = attr(5, 1, std::string("\x07\0\0\0", 4));
  for (const std::string& bad :
       {attr(3, 2, ""), attr(0, 2, ""), attr(9, 2, "four"), attr(65535, 2, "x"), std::string("\x08\x00", 2)}) {
    const std::string bytes = good + bad;
    const Attrs attrs(bytes);
    CHECK(attrs.u8(1) == 7);
    CHECK_FALSE(attrs.has(2));
  }
}

TEST_CASE("a message cut anywhere or with any bits turned is read without a fault", "[kernel][attrs]") {
  kernel::Batch batch;
  kernel::add_veth(batch,
                   {net::IfName::parse("veth1"), net::IfName::parse("eth0"), net::Mac::parse("fe:00:00:00:00:02"),
                    net::Mac::parse("02:00:00:00:00:02"), 1400, net::IfName::parse("tr0"), 2, ""},
                   7, 5);
  const std::string whole(batch.bytes());
  REQUIRE(kernel::read_link(*reinterpret_cast<const nlmsghdr*>(whole.data()))->name == "veth1");
  std::mt19937 random(1);  // the same turns in every run
  for (std::size_t length = NLMSG_HDRLEN; length <= whole.size(); ++length) {
    for (int turn = 0; turn < 50; ++turn) {
      // A buffer of just this length: the sanitizers see the first byte beyond it.
      std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      for (int i = 0; i < turn; ++i) cut[random() % length] = static_cast<char>(random());
      auto* message = reinterpret_cast<nlmsghdr*>(cut.data());
      message->nlmsg_len = static_cast<std::uint32_t>(length);
      message->nlmsg_type = RTM_NEWLINK;
      static_cast<void>(kernel::read_link(*message));
    }
  }
}

}  // namespace

}  // namespace trestle::test
