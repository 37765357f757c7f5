#include "net/mac.h"

#include "base/error.h"
#include "base/text.h"

namespace trestle::net {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

[[noreturn]] void refuse(std::string_view text, const char* why) {
  throw base::Error(base::Code::bad_config, "MAC address \"" + base::printable(text) + "\" " + why);
}

}  // namespace

Mac Mac::parse(std::string_view text) {
  constexpr const char* kForm = "is not six pairs of hexadecimal digits, as 02:00:5e:10:00:01";
  if (text.size() != 17 || (text[2] != ':' && text[2] != '-')) refuse(text, kForm);
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const int high = digit(text[3 * i]);
    const int low = digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != text[2])) refuse(text, kForm);
    mac.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return mac;
}

Mac Mac::parse_station(std::string_view text) {
  const Mac mac = parse(text);
  if (mac == Mac{}) refuse(text, "is all zero: no station may have it");
  if ((mac.bytes[0] & 1) != 0) refuse(text, "is a multicast address: no station may have it");
  if (mac.bytes[0] == 0xFE) refuse(text, "begins with fe: that is kept for the host side of the pair");
  return mac;
}

Mac Mac::from_hash(std::uint8_t first, std::uint64_t value) {
  Mac mac;
  mac.bytes[0] = first;
  for (std::size_t i = 5; i >= 1; --i, value >>= 8) mac.bytes[i] = static_cast<std::uint8_t>(value & 0xFF);
  return mac;
}

std::string Mac::str() const {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += base::hex(byte, 2);
  }
  return text;
}

}  // namespace trestle::net
