#pragma once
// Ethernet frames as bytes, for what no honest stack would send. Addresses are texts; checksums are right.
#include <cstdint>
#include <string>
#include <string_view>

namespace trestle::test {

constexpr std::uint16_t kEthArp = 0x0806, kEthIp4 = 0x0800, kEthIp6 = 0x86dd, kEthVlan = 0x8100;

std::string ethernet(const std::string& to, const std::string& from, std::uint16_t type, std::string_view payload);
// An ARP packet (payload of kEthArp). `operation`: 1 request, 2 reply.
std::string arp(int operation, const std::string& sender_mac, const std::string& sender_ip,
                const std::string& target_mac, const std::string& target_ip);
// Packets with their header; `protocol` of the payload: 17 UDP, 1 ICMP, 58 ICMPv6. ICMPv6 and UDP get their checksum
// here (bytes 2 and 6 of the payload) when they are the direct payload.
std::string ip4(const std::string& from, const std::string& to, int protocol, std::string payload, int ttl = 64);
std::string ip6(const std::string& from, const std::string& to, int protocol, std::string payload, int hop_limit = 64);
std::string udp(int from_port, int to_port, std::string_view data);
// ICMPv6 bodies: type, code, 4 bytes, then the target for NS (135) and NA (136) with a link-layer option when `mac` is
// given.
std::string neighbour_message(int type, std::uint32_t flags, const std::string& target, const std::string& mac = {});
std::string router_advertisement(const std::string& mac);
// A fragment header (next protocol 44 in the IPv6 header) before the payload; offset in units of 8 bytes.
std::string fragment6(int protocol, int offset, bool more, std::uint32_t id, std::string_view payload);

std::string mac_bytes(const std::string& mac);  // 6
std::string ip_bytes(const std::string& ip);    // 4 or 16
// The internet checksum as it stands in the packet; put into two bytes.
std::uint16_t checksum(std::string_view bytes);
void set_checksum(std::string& bytes, std::size_t at, std::uint16_t sum);

}  // namespace trestle::test
