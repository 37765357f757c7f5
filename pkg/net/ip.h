#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trestle::net {

enum class Family : std::uint8_t { v4 = 4, v6 = 6 };

// An address as a number: a 128-bit unsigned integer (an IPv4 address is its 32-bit value).
// Arithmetic is what ranges need and wraps nowhere that a caller has not checked.
using U128 = unsigned __int128;

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is refused by parse(): it would be two names for one host.
struct Ip {
  Family family = Family::v4;
  U128 value = 0;

  // Throws Error{bad_config} naming the text.
  static Ip parse(std::string_view text);
  static std::optional<Ip> try_parse(std::string_view text) noexcept;
  // 4 or 16 bytes in network order; any other size throws Error{bug}.
  static Ip from_bytes(std::string_view bytes);
  std::string bytes() const;  // network order, 4 or 16 bytes
  std::string str() const;    // RFC 5952
  int bits() const { return family == Family::v4 ? 32 : 128; }
  bool is_multicast() const;
  bool is_link_local() const;  // 169.254/16, fe80::/10
  bool is_unspecified() const { return value == 0; }
  bool is_loopback() const;
  auto operator<=>(const Ip&) const = default;
};

// An address with a prefix length: "10.88.0.2/16" (host bits kept).
struct Cidr {
  Ip ip;
  std::uint8_t length = 0;

  // "address/length". Throws Error{bad_config} naming the text.
  static Cidr parse(std::string_view text);
  // As parse(), and host bits must be zero: a network.
  static Cidr parse_network(std::string_view text);
  static Cidr host(const Ip& ip) { return {ip, static_cast<std::uint8_t>(ip.bits())}; }
  std::string str() const;
  Ip first() const;  // lowest address of the prefix
  Ip last() const;   // highest
  Cidr network() const { return {first(), length}; }
  bool contains(const Ip& ip) const;
  bool overlaps(const Cidr& other) const;
  auto operator<=>(const Cidr&) const = default;
};

}  // namespace trestle::net
