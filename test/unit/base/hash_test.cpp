#include "base/hash.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using trestle::base::hash64;

TEST_CASE("the hash never changes: names on disk and in the kernel depend on it", "[base][hash]") {
  CHECK(hash64("") == 0xefd01f60ba992926U);
  CHECK(hash64("trestle") == 0xd00059310d3d3ca4U);
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
