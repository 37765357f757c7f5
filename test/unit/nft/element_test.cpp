#include <catch2/catch.hpp>

#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_message.h"
#include "witness.h"

using namespace trestle;
using Lines = std::vector<std::string>;

namespace {

plan::Field name(const char* text) { return net::IfName::parse(text); }
plan::Field mac(const char* text) { return net::Mac::parse(text); }
plan::Field ip(const char* text) { return net::Ip::parse(text); }
plan::Field cidr(const char* text) { return net::Cidr::parse(text); }

Lines written(const std::vector<plan::Element>& elements) {
  kernel::Batch batch;
  kernel::put_elements(batch, NFT_MSG_NEWSETELEM, plan::Table::inet, "s", elements);
  return test::elements(batch);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("a key is laid out as the registers are", "[nft][element]") {
  const std::string eth0 = "65746830" + std::string(24, '0');
  CHECK(hex(kernel::element_key({{name("eth0")}, {}}).first) == eth0);
  CHECK(hex(kernel::element_key({{name("fifteen-letters")}, {}}).first) == "6669667465656e2d6c65747465727300");
  CHECK(hex(kernel::element_key({{mac("02:00:00:00:00:01")}, {}}).first) == "020000000001");
  CHECK(hex(kernel::element_key({{name("eth0"), mac("02:00:00:00:00:01")}, {}}).first) == eth0 + "0200000000010000");
  CHECK(hex(kernel::element_key({{name("eth0"), mac("02:00:00:00:00:01"), ip("10.0.0.1")}, {}}).first) ==
        eth0 + "02000000000100000a000001");
  CHECK(hex(kernel::element_key({{name("eth0"), ip("fe80::1")}, {}}).first) ==
        eth0 + "fe800000000000000000000000000001");
}

TEST_CASE("a prefix is an interval up to the address behind it", "[nft][element]") {
  struct Case {
    const char* cidr;
    std::string first, end;
  };
  const auto c = GENERATE(values<Case>({
      {"10.88.0.0/16", "0a580000", "0a590000"},
      {"10.88.3.7/16", "0a580000", "0a590000"},
      {"10.0.0.1/32", "0a000001", "0a000002"},
      {"0.0.0.0/0", "00000000", ""},
      {"255.255.255.0/24", "ffffff00", ""},
      {"fd88::/64", "fd880000000000000000000000000000", "fd880000000000010000000000000000"},
      {"ff00::/8", "ff000000000000000000000000000000", ""},
      {"::/0", "00000000000000000000000000000000", ""},
  }));
  const kernel::NftKey key = kernel::element_key({{cidr(c.cidr)}, {}});
  CAPTURE(c.cidr);
  CHECK(hex(key.first) == c.first);
  CHECK(hex(key.end) == c.end);
}

TEST_CASE("elements reach the kernel as nft sends them", "[nft][element]") {
  CHECK(written({{{name("tr0")}, "leave-tr0"}}) ==
        Lines{"element 00307274 00000000 00000000 00000000  : jump -> leave-tr0 0 [end]"});
  CHECK(written({{{name("veth0"), mac("02:00:00:00:00:01")}, {}}}) ==
        Lines{"element 68746576 00000030 00000000 00000000 00000002 00000100  : 0 [end]"});
  CHECK(written({{{cidr("10.0.0.0/8")}, {}}}) == Lines{"element 0000000a  : 0 [end]", "element 0000000b  : 1 [end]"});
}

TEST_CASE("as many elements as one message takes fit into its attribute, however long", "[nft][element]") {
  const plan::Element longest{{name("fifteen-letters"), mac("02:00:00:00:00:01"), ip("fe80::1")},
                              "masquerade-fifteen-letters"};
  CHECK(written(std::vector(kernel::kNftElements, longest)).size() == kernel::kNftElements);
}
