#pragma once
#include <cstdint>
#include <string_view>

namespace trestle::base {

// A stable 64-bit hash (FNV-1a, then MurmurHash3's finaliser: FNV alone leaves the upper bits of short keys poor).
// Stable for ever: link names, MACs and file names on disk depend on it. Not for secrets.
constexpr std::uint64_t hash64(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53U;
  return h ^ (h >> 33);
}

}  // namespace trestle::base
