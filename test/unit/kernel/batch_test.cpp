#include <linux/netlink.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "witness.h"

namespace trestle::test {

namespace {

using kernel::Batch;
using Lines = std::vector<std::string>;

TEST_CASE("a request is a header and its attributes, each padded to four bytes", "[kernel][batch]") {
  Batch batch;
  char* header = static_cast<char*>(batch.begin(77, NLM_F_CREATE, 6, "x"));
  std::memcpy(header, "\x01\x02\x03\x04\x05\x06", 6);
  batch.put_u8(1, 0xab);
  batch.put_u16(2, 0x1234);
  batch.put_u32(3, 0x12345678);
  batch.put_text(4, "eth0");
  batch.put(5, std::string_view());
  batch.put(6, std::string_view("\0a", 2));
  CHECK(read_back(batch, 6) == Lines{"type 77 flags 405 header 010203040506", "  1: ab", "  2: 3412", "  3: 78563412",
                                     "  4: 6574683000", "  5: ", "  6: 0061"});
  CHECK(batch.bytes().size() % 4 == 0);
}

TEST_CASE("nests hold what was put between, however deep, and the length of each is right", "[kernel][batch]") {
  Batch batch;
  batch.begin(1, 0, 4, "x");
  const auto outer = batch.open_nest(10);
  batch.put_u8(1, 1);
  const auto inner = batch.open_nest(11);
  const auto empty = batch.open_nest(12);
  batch.close_nest(empty);
  batch.put_u8(2, 2);
  batch.close_nest(inner);
  batch.close_nest(outer);
  batch.put_u8(3, 3);
  CHECK(read_back(batch, 4) == Lines{"type 1 flags 005 header 00000000", "  10:", "    1: 01",
                                     "    11:", "      12:", "      2: 02", "  3: 03"});
}

TEST_CASE("requests follow each other in one buffer, and clearing forgets them", "[kernel][batch]") {
  Batch batch;
  CHECK(batch.empty());
  for (int i = 0; i < 300; ++i) {
    batch.begin(static_cast<std::uint16_t>(20 + i), 0, 2, "x");
    batch.put_text(1, std::string(static_cast<std::size_t>(i), 'a'));
  }
  CHECK(batch.size() == 300);
  const Lines lines = read_back(batch, 2);
  CHECK(lines.size() == 600);
  CHECK(lines[598] == "type 319 flags 005 header 0000");
  batch.clear();
  CHECK(batch.empty());
  CHECK(batch.bytes().empty());
}

TEST_CASE("what does not fit into an attribute is refused, not wrapped", "[kernel][batch]") {
  Batch batch;
  batch.begin(1, 0, 4, "x");
  CHECK_NOTHROW(batch.put(1, std::string(65531, 'a')));
  CHECK_THROWS_AS(batch.put(1, std::string(65532, 'a')), base::Error);
  const auto nest = batch.open_nest(2);
  batch.put(1, std::string(40000, 'a'));
  batch.put(1, std::string(40000, 'a'));
  CHECK_THROWS_AS(batch.close_nest(nest), base::Error);
}

TEST_CASE("a request accepts six errors at most", "[kernel][batch]") {
  Batch batch;
  batch.begin(1, 0, 4, "x");
  for (const int err : {ENOENT, ENODEV, ESRCH, EEXIST, EINVAL, EACCES}) batch.accept(err);
  CHECK_THROWS_AS(batch.accept(EPERM), base::Error);
}

}  // namespace

}  // namespace trestle::test
