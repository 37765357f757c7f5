#include "support/frame.h"

#include "net/ip.h"
#include "net/mac.h"

namespace trestle::test {

namespace {

std::string be16(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value)}; }
std::string be32(std::uint32_t value) { return be16(value >> 16U) + be16(value & 0xffffU); }

// Where UDP and ICMPv6 have their checksum; npos for others.
std::size_t checksum_place(int protocol) { return protocol == 17 ? 6 : protocol == 58 ? 2 : std::string::npos; }

void fill_in(std::string& payload, int protocol, const std::string& pseudo) {
  const std::size_t at = checksum_place(protocol);
  if (at == std::string::npos || payload.size() < at + 2) return;
  set_checksum(payload, at, 0);
  const std::uint16_t sum = checksum(pseudo + payload);
  set_checksum(payload, at, sum == 0 ? 0xffff : sum);
}

}  // namespace

std::string mac_bytes(const std::string& mac) {
  const auto bytes = net::Mac::parse(mac).bytes;
  return {bytes.begin(), bytes.end()};
}

std::string ip_bytes(const std::string& ip) { return net::Ip::parse(ip).bytes(); }

std::uint16_t checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (i % 2 == 0 ? 8U : 0U);
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void set_checksum(std::string& bytes, std::size_t at, std::uint16_t sum) { bytes.replace(at, 2, be16(sum)); }

std::string ethernet(const std::string& to, const std::string& from, std::uint16_t type, std::string_view payload) {
  std::string frame = mac_bytes(to) + mac_bytes(from) + be16(type) + std::string(payload);
  if (frame.size() < 60) frame.resize(60, '\0');
  return frame;
}

std::string arp(int operation, const std::string& sender_mac, const std::string& sender_ip,
                const std::string& target_mac, const std::string& target_ip) {
  return be16(1) + be16(kEthIp4) + be16(0x0604) + be16(static_cast<unsigned>(operation)) + mac_bytes(sender_mac) +
         ip_bytes(sender_ip) + mac_bytes(target_mac) + ip_bytes(target_ip);
}

std::string ip4(const std::string& from, const std::string& to, int protocol, std::string payload, int ttl) {
  const std::string source = ip_bytes(from), target = ip_bytes(to);
  fill_in(payload, protocol,
          source + target + be16(static_cast<unsigned>(protocol)) + be16(static_cast<unsigned>(payload.size())));
  std::string header = be16(0x4500) + be16(static_cast<unsigned>(20 + payload.size())) + be32(0) +
                       be16(static_cast<unsigned>(ttl << 8 | protocol)) + be16(0) + source + target;
  set_checksum(header, 10, checksum(header));
  return header + payload;
}

std::string ip6(const std::string& from, const std::string& to, int protocol, std::string payload, int hop_limit) {
  const std::string source = ip_bytes(from), target = ip_bytes(to);
  fill_in(
      payload, protocol,
      source + target + be32(static_cast<std::uint32_t>(payload.size())) + be32(static_cast<std::uint32_t>(protocol)));
  return be32(0x60000000) + be16(static_cast<unsigned>(payload.size())) +
         be16(static_cast<unsigned>(protocol << 8 | hop_limit)) + source + target + payload;
}

std::string udp(int from_port, int to_port, std::string_view data) {
  return be16(static_cast<unsigned>(from_port)) + be16(static_cast<unsigned>(to_port)) +
         be16(static_cast<unsigned>(8 + data.size())) + be16(0) + std::string(data);
}

std::string neighbour_message(int type, std::uint32_t flags, const std::string& target, const std::string& mac) {
  std::string body = be16(static_cast<unsigned>(type) << 8U) + be16(0) + be32(flags) + ip_bytes(target);
  // 1: source link-layer address (of a solicitation), 2: target (of an advertisement); one unit of 8 bytes.
  if (!mac.empty()) body += be16(type == 135 ? 0x0101U : 0x0201U) + mac_bytes(mac);
  return body;
}

std::string router_advertisement(const std::string& mac) {
  return be16(134U << 8U) + be16(0) + be16(64U << 8U) + be16(1800) + be32(0) + be32(0) + be16(0x0101) + mac_bytes(mac);
}

std::string fragment6(int protocol, int offset, bool more, std::uint32_t id, std::string_view payload) {
  return be16(static_cast<unsigned>(protocol) << 8U) + be16(static_cast<unsigned>(offset << 3 | (more ? 1 : 0))) +
         be32(id) + std::string(payload);
}

}  // namespace trestle::test
