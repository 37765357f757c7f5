#include "kernel/nft_types.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "net/ip.h"
#include "net/mac.h"

namespace trestle::kernel {
namespace {

constexpr NftSymbol kProtocols[] = {{"tcp", IPPROTO_TCP},
                                    {"udp", IPPROTO_UDP},
                                    {"sctp", IPPROTO_SCTP},
                                    {"icmp", IPPROTO_ICMP},
                                    {"icmpv6", IPPROTO_ICMPV6}};
constexpr NftSymbol kFamilies[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}};
constexpr NftSymbol kEtherTypes[] = {{"arp", ETH_P_ARP}, {"ip", ETH_P_IP}, {"ip6", ETH_P_IPV6}};
constexpr NftSymbol kArpOperations[] = {{"request", 1}, {"reply", 2}};
constexpr NftSymbol kIcmp6Types[] = {{"destination-unreachable", ICMP6_DST_UNREACH},
                                     {"packet-too-big", ICMP6_PACKET_TOO_BIG},
                                     {"time-exceeded", ICMP6_TIME_EXCEEDED},
                                     {"parameter-problem", ICMP6_PARAM_PROB},
                                     {"echo-request", ICMP6_ECHO_REQUEST},
                                     {"echo-reply", ICMP6_ECHO_REPLY},
                                     {"mld-listener-query", MLD_LISTENER_QUERY},
                                     {"mld-listener-report", MLD_LISTENER_REPORT},
                                     {"mld-listener-done", MLD_LISTENER_REDUCTION},
                                     {"mld2-listener-report", 143},
                                     {"nd-router-solicit", ND_ROUTER_SOLICIT},
                                     {"nd-router-advert", ND_ROUTER_ADVERT},
                                     {"nd-neighbor-solicit", ND_NEIGHBOR_SOLICIT},
                                     {"nd-neighbor-advert", ND_NEIGHBOR_ADVERT},
                                     {"nd-redirect", ND_REDIRECT}};
constexpr NftSymbol kCtStates[] = {{"invalid", NF_CT_STATE_INVALID_BIT},
                                   {"established", NF_CT_STATE_BIT(IP_CT_ESTABLISHED)},
                                   {"related", NF_CT_STATE_BIT(IP_CT_RELATED)},
                                   {"new", NF_CT_STATE_BIT(IP_CT_NEW)},
                                   {"untracked", NF_CT_STATE_UNTRACKED_BIT}};
constexpr NftSymbol kCtStatus[] = {{"snat", IPS_SRC_NAT}, {"dnat", IPS_DST_NAT}};
constexpr NftSymbol kAddressTypes[] = {{"local", RTN_LOCAL}};
constexpr NftSymbol kBooleans[] = {{"exists", 1}, {"missing", 0}};

constexpr NftTypeInfo kTypes[] = {
    {NftType::ifname, "ifname", 41, IFNAMSIZ, NftForm::name, true, {}},
    {NftType::ether_addr, "ether_addr", 9, 6, NftForm::mac, true, {}},
    {NftType::ipv4_addr, "ipv4_addr", 7, 4, NftForm::ip4, true, {}},
    {NftType::ipv6_addr, "ipv6_addr", 8, 16, NftForm::ip6, true, {}},
    {NftType::inet_proto, "inet_proto", 12, 1, NftForm::number, true, kProtocols},
    {NftType::inet_service, "inet_service", 13, 2, NftForm::number, true, {}},
    {NftType::nfproto, "nf_proto", 2, 1, NftForm::number, false, kFamilies},
    {NftType::ether_type, "ether_type", 10, 2, NftForm::number, false, kEtherTypes},
    {NftType::arp_op, "arp_op", 11, 2, NftForm::number, false, kArpOperations},
    {NftType::icmpv6_type, "icmpv6_type", 29, 1, NftForm::number, false, kIcmp6Types},
    {NftType::ct_state, "ct_state", 26, 4, NftForm::bits, false, kCtStates},
    {NftType::ct_status, "ct_status", 28, 4, NftForm::bits, false, kCtStatus},
    {NftType::fib_addrtype, "fib_addrtype", 38, 4, NftForm::host_number, false, kAddressTypes},
    {NftType::boolean, "boolean", 39, 1, NftForm::number, false, kBooleans},
    {NftType::vni, "vni", 0, 3, NftForm::number, false, {}},
    {NftType::priority, "priority", 0, 4, NftForm::host_number, false, {}},
};
static_assert(std::ranges::is_sorted(kTypes, {}, &NftTypeInfo::type), "nft_type() indexes by the enum");

std::uint32_t number(const NftTypeInfo& type, std::string_view word) {
  for (const NftSymbol& symbol : type.symbols)
    if (symbol.word == word) return symbol.value;
  const std::uint64_t max = type.size >= 4 ? 0xffffffffU : (std::uint64_t{1} << (8 * type.size)) - 1;
  if (word.starts_with("0x")) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data() + 2, word.data() + word.size(), value, 16);
    if (error == std::errc{} && end == word.data() + word.size() && value <= max) return value;
  } else if (const auto value = base::parse_number(word, max)) {
    return static_cast<std::uint32_t>(*value);
  }
  throw base::Error(base::Code::bug, "'" + base::printable(word) + "' is no " + std::string(type.name));
}

std::string address(const NftTypeInfo& type, std::string_view word) {
  const auto ip = net::Ip::try_parse(word);
  if (!ip || (ip->family == net::Family::v4) != (type.form == NftForm::ip4))
    throw base::Error(base::Code::bug, "'" + base::printable(word) + "' is no " + std::string(type.name));
  return ip->bytes();
}

}  // namespace

const NftTypeInfo& nft_type(NftType type) { return kTypes[static_cast<std::size_t>(type)]; }

const NftTypeInfo* find_set_type(std::string_view name) {
  for (const NftTypeInfo& info : kTypes)
    if (info.in_sets && info.name == name) return &info;
  return nullptr;
}

const NftTypeInfo* find_set_type(std::uint32_t id) {
  for (const NftTypeInfo& info : kTypes)
    if (info.in_sets && info.id == id) return &info;
  return nullptr;
}

NftValue nft_value(const NftTypeInfo& type, std::string_view word) {
  NftValue value{{}, 8 * type.size};
  switch (type.form) {
    case NftForm::name:
      // An interface is named through a set only (DESIGN section 3): a rule never changes with a pod. The loopback has one name.
      if (word == "\"lo\"") {
        value.bytes = "lo";
        value.bytes.resize(type.size, '\0');
        return value;
      }
      throw base::Error(base::Code::bug,
                        "'" + base::printable(word) + "': a " + std::string(type.name) + " stands in a set");
    case NftForm::mac: {
      const net::Mac mac = net::Mac::parse(word);
      value.bytes.assign(mac.bytes.begin(), mac.bytes.end());
      return value;
    }
    case NftForm::ip4:
    case NftForm::ip6: {
      const std::size_t slash = word.find('/');
      if (slash != std::string_view::npos) value.prefix = net::Cidr::parse_network(word).length;
      value.bytes = address(type, word.substr(0, slash));
      return value;
    }
    case NftForm::number: {
      const std::uint32_t big = htonl(number(type, word));
      value.bytes.assign(reinterpret_cast<const char*>(&big) + sizeof big - type.size, type.size);
      return value;
    }
    case NftForm::host_number: {
      const std::uint32_t value_there = number(type, word);
      value.bytes.assign(reinterpret_cast<const char*>(&value_there), sizeof value_there);
      return value;
    }
    case NftForm::bits: {
      std::uint32_t mask = 0;
      for (const std::string& bit : base::split(word, ',')) mask |= number(type, bit);
      value.bytes.assign(reinterpret_cast<const char*>(&mask), sizeof mask);
      return value;
    }
  }
  throw base::Error(base::Code::bug, "unreachable");
}

}  // namespace trestle::kernel
