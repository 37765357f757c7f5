#include "base/hash.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using trestle::base::checksum64;
using trestle::base::hash64;

TEST_CASE("the hash never changes: names on disk and in the kernel depend on it", "[base][hash]") {
  CHECK(hash64("") == 0xefd01f60ba992926U);
  CHECK(hash64("trestle") == 0xd00059310d3d3ca4U);
}

TEST_CASE("the checksum never changes either, and no single byte escapes it", "[base][hash]") {
  CHECK(checksum64("") == 0x6829276a38e8ec1cU);
  CHECK(checksum64("trestle, and more than eight bytes") == 0x8fd0f132637ed2f0U);
  const std::string text = "{\"schema\":1,\"reader\":1,\"leases\":[]";
  for (std::size_t i = 0; i < text.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ (1 << bit));
      CHECK(checksum64(other) != checksum64(text));
    }
  CHECK(checksum64(text + '\0') != checksum64(text));
  CHECK(checksum64(std::string(8, '\0')) != checksum64(std::string(9, '\0')));
}

TEST_CASE("short keys spread over all bits", "[base][hash]") {
  std::set<std::uint64_t> high, low;
  for (int i = 0; i < 1000; ++i) {
    high.insert(hash64("pod" + std::to_string(i)) >> 40);
    low.insert(hash64("pod" + std::to_string(i)) & 0xFFFFFF);
  }
  CHECK(high.size() >= 999);
  CHECK(low.size() >= 999);
}
