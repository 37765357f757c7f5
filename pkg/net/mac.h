#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace trestle::net {

// A 48-bit Ethernet address.
struct Mac {
  std::array<std::uint8_t, 6> bytes{};

  // "02:00:5e:10:00:01", six pairs with ':' (or '-'), either case. Throws Error{bad_config} otherwise.
  static Mac parse(std::string_view text);
  // As parse(); refuses also what no station may have: multicast, all zero, and fe:… (kept for the host side of a
  // veth).
  static Mac parse_station(std::string_view text);
  // `first` and then the low 40 bits of `value`, most significant first.
  static Mac from_hash(std::uint8_t first, std::uint64_t value);
  std::string str() const;
  auto operator<=>(const Mac&) const = default;
};

}  // namespace trestle::net
