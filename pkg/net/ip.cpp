#include "net/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace trestle::net {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw base::Error(base::Code::bad_config, "\"" + base::printable(text) + "\" " + why);
}

U128 number(const unsigned char* bytes, std::size_t size) {
  U128 value = 0;
  for (std::size_t i = 0; i < size; ++i) value = (value << 8) | bytes[i];
  return value;
}

// Ones where the host part of a prefix is.
U128 host_mask(Family family, int length) {
  const int bits = (family == Family::v4 ? 32 : 128) - length;
  if (bits <= 0) return 0;
  // A shift by the whole width is undefined.
  return bits >= 128 ? ~U128{0} : (U128{1} << bits) - 1;
}

std::string text_v6(U128 value) {
  unsigned words[8];
  for (int i = 0; i < 8; ++i) words[i] = static_cast<unsigned>((value >> (112 - 16 * i)) & 0xFFFF);
  int best = -1, best_length = 1;  // RFC 5952 4.2.2: one zero word alone is not shortened
  for (int i = 0; i < 8; ++i) {
    int length = 0;
    while (i + length < 8 && words[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  char text[INET6_ADDRSTRLEN];
  char* end = text;
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      *end++ = ':';
      *end++ = ':';
      i += best_length - 1;
      continue;
    }
    if (end != text && end[-1] != ':') *end++ = ':';
    end = std::to_chars(end, std::end(text), words[i], 16).ptr;
  }
  return {text, end};
}

}  // namespace

std::optional<Ip> Ip::try_parse(std::string_view text) noexcept {
  char buffer[INET6_ADDRSTRLEN + 1] = {};
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, buffer, bytes) == 1) return Ip{Family::v4, number(bytes, 4)};
  if (::inet_pton(AF_INET6, buffer, bytes) != 1) return std::nullopt;
  const Ip ip{Family::v6, number(bytes, 16)};
  if (ip.value >> 32 == 0xFFFF) return std::nullopt;  // ::ffff:a.b.c.d
  return ip;
}

Ip Ip::parse(std::string_view text) {
  const std::optional<Ip> ip = try_parse(text);
  if (!ip) refuse(text, "is not an IPv4 or IPv6 address");
  return *ip;
}

Ip Ip::from_bytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16)
    throw base::Error(base::Code::bug, "an address of " + std::to_string(bytes.size()) + " bytes");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  return {bytes.size() == 4 ? Family::v4 : Family::v6, number(data, bytes.size())};
}

std::string Ip::bytes() const {
  std::string out(static_cast<std::size_t>(bits() / 8), '\0');
  U128 rest = value;
  for (auto at = out.rbegin(); at != out.rend(); ++at, rest >>= 8) *at = static_cast<char>(rest & 0xFF);
  return out;
}

std::string Ip::str() const {
  if (family == Family::v6) return text_v6(value);
  char text[INET_ADDRSTRLEN];
  char* end = text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    end = std::to_chars(end, std::end(text), static_cast<unsigned>((value >> shift) & 0xFF)).ptr;
    if (shift > 0) *end++ = '.';
  }
  return {text, end};
}

bool Ip::is_multicast() const { return family == Family::v4 ? value >> 28 == 0xE : value >> 120 == 0xFF; }

bool Ip::is_link_local() const { return family == Family::v4 ? value >> 16 == 0xA9FE : value >> 118 == 0x3FA; }

bool Ip::is_loopback() const { return family == Family::v4 ? value >> 24 == 127 : value == 1; }

Cidr Cidr::parse(std::string_view text) {
  constexpr const char* kForm = "is not an address with a prefix length, as 10.88.0.0/16";
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) refuse(text, kForm);
  const std::optional<Ip> ip = Ip::try_parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!ip || (digits.size() > 1 && digits[0] == '0')) refuse(text, kForm);
  const auto length = base::parse_number(digits, static_cast<std::uint64_t>(ip->bits()));
  if (!length) refuse(text, kForm);
  return {*ip, static_cast<std::uint8_t>(*length)};
}

Cidr Cidr::parse_network(std::string_view text) {
  const Cidr cidr = parse(text);
  if (cidr.ip != cidr.first())
    throw base::Error(base::Code::bad_config,
                      "\"" + base::printable(text) + "\" has host bits set: the network is " + cidr.network().str());
  return cidr;
}

std::string Cidr::str() const { return ip.str() + '/' + std::to_string(length); }

Ip Cidr::first() const { return {ip.family, ip.value & ~host_mask(ip.family, length)}; }

Ip Cidr::last() const { return {ip.family, ip.value | host_mask(ip.family, length)}; }

bool Cidr::contains(const Ip& other) const { return other.family == ip.family && other >= first() && other <= last(); }

bool Cidr::overlaps(const Cidr& other) const {
  return ip.family == other.ip.family && first() <= other.last() && other.first() <= last();
}

}  // namespace trestle::net
