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

// For what is long and only compared: eight bytes at a time, where hash64() takes four cycles for each. Any single changed byte changes it. Little
// endian machines agree on it.
inline std::uint64_t checksum64(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U ^ text.size();
  const auto mix = [&](std::uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccdU;
    h ^= h >> 32;
  };
  for (; text.size() >= sizeof(std::uint64_t); text.remove_prefix(sizeof(std::uint64_t))) {
    std::uint64_t word;
    __builtin_memcpy(&word, text.data(), sizeof word);
    mix(word);
  }
  std::uint64_t rest = 0;
  for (const char c : text) rest = rest << 8 | static_cast<unsigned char>(c);
  mix(rest);
  h *= 0xc4ceb9fe1a85ec53U;
  return h ^ (h >> 33);
}

}  // namespace trestle::base
