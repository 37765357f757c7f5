#include "kernel/host_state.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "kernel/attrs.h"
#include "kernel/link.h"
#include "net/names.h"

namespace trestle::kernel {

namespace {

constexpr std::uint32_t kForEver = 0xffffffff;  // of a lifetime
constexpr std::uint32_t kIpv6Metric = 256;  // of the subnet's route when the address says none (IP6_RT_PRIO_ADDRCONF)

std::uint8_t wire(net::Family family) { return family == net::Family::v4 ? AF_INET : AF_INET6; }
std::size_t size_of(int family) { return family == AF_INET ? 4 : 16; }

std::optional<net::Ip> ip_of(const Attrs& attrs, std::uint16_t type, int family) {
  const auto bytes = attrs.view(type);
  if (!bytes || bytes->size() != size_of(family)) return std::nullopt;
  return net::Ip::from_bytes(*bytes);
}

// Made for each link from its MAC, or from the host's secret. A kernel before 5.18 does not tell who made it.
bool is_kernels(const net::Ip& ip, const Attrs& attrs, const LinkInfo& link) {
  if (ip.family == net::Family::v4 || !ip.is_link_local()) return false;
  return attrs.u8(IFA_PROTO) == IFAPROT_KERNEL_LL || (link.mac && ip == net::link_local(*link.mac));
}

void read_address(HostState& out, const LinkInfo& link, const ifaddrmsg& header, const Attrs& attrs) {
  const auto other = ip_of(attrs, IFA_ADDRESS, header.ifa_family);
  const auto own = attrs.has(IFA_LOCAL) ? ip_of(attrs, IFA_LOCAL, header.ifa_family) : other;
  if (!own || is_kernels(*own, attrs, link)) return;
  const net::Cidr cidr{*own, header.ifa_prefixlen};
  const std::uint32_t flags = attrs.u32(IFA_FLAGS).value_or(header.ifa_flags);
  if ((flags & IFA_F_PERMANENT) == 0)
    out.fixed.push_back("address " + cidr.str() +
                        " has a lifetime: a DHCP client or router advertisements renew it there");
  else if (other && *other != *own)
    out.fixed.push_back("address " + cidr.str() + " has a peer, " + other->str());
  out.addresses.push_back({cidr,
                           header.ifa_scope,
                           ip_of(attrs, IFA_BROADCAST, header.ifa_family),
                           attrs.u32(IFA_RT_PRIORITY).value_or(0),
                           (flags & IFA_F_NOPREFIXROUTE) != 0,
                           (flags & IFA_F_DEPRECATED) != 0,
                           {}});
  if (const std::string label = attrs.text(IFA_LABEL); label.starts_with(link.name + ":"))
    out.addresses.back().alias = label.substr(link.name.size());
}

void read_addresses(Socket& socket, net::Family family, const LinkInfo& link, HostState& out) {
  Batch batch;
  auto* header = static_cast<ifaddrmsg*>(batch.begin(RTM_GETADDR, NLM_F_DUMP, sizeof(ifaddrmsg), "list addresses"));
  header->ifa_family = wire(family);
  header->ifa_index = link.index;
  for (const int none : {ENODEV, EOPNOTSUPP, EAFNOSUPPORT}) batch.accept(none);
  const HostState before = out;
  socket.dump(
      batch, [&] { out = before; },
      [&](const nlmsghdr& message) {
        const auto found = header_of<ifaddrmsg>(message);
        if (found && message.nlmsg_type == RTM_NEWADDR && found->ifa_index == link.index)
          read_address(out, link, *found, Attrs::of(message, sizeof(ifaddrmsg)));
      });
}

// One route as the kernel told it, whichever link it leads by.
struct Found {
  std::uint32_t link = 0;  // 0: several
  plan::TakenRoute route;
  std::string odd;  // what a TakenRoute cannot say
  std::vector<std::uint32_t> hops;
};

std::optional<net::Ip> gateway_of(const Attrs& attrs, int family) {
  if (const auto plain = ip_of(attrs, RTA_GATEWAY, family)) return plain;
  const auto via = attrs.view(RTA_VIA);
  if (!via || (via->size() != 2 + 4 && via->size() != 2 + 16)) return std::nullopt;
  return net::Ip::from_bytes(via->substr(2));
}

std::vector<std::uint32_t> links_of(std::string_view hops) {
  std::vector<std::uint32_t> out;
  rtnexthop hop{};
  while (hops.size() >= sizeof hop) {
    std::memcpy(&hop, hops.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) break;
    out.push_back(static_cast<std::uint32_t>(hop.rtnh_ifindex));
    hops.remove_prefix(std::min(hops.size(), static_cast<std::size_t>(RTNH_ALIGN(hop.rtnh_len))));
  }
  return out;
}

bool expires(const Attrs& attrs) {
  if (attrs.u32(RTA_EXPIRES).value_or(0) != 0) return true;
  const auto bytes = attrs.view(RTA_CACHEINFO);
  rta_cacheinfo info{};
  if (!bytes || bytes->size() < sizeof info) return false;
  std::memcpy(&info, bytes->data(), sizeof info);
  return info.rta_expires != 0;
}

std::string odd_of(const rtmsg& header, const Attrs& attrs) {
  if (header.rtm_protocol == RTPROT_RA) return "router advertisements renew it";
  if (header.rtm_protocol == RTPROT_DHCP) return "a DHCP client renews it";
  if (expires(attrs)) return "it has a lifetime";
  if (attrs.has(RTA_MULTIPATH)) return "it leads by several links";
  if (attrs.has(RTA_NH_ID)) return "it leads by a nexthop object";
  if (attrs.has(RTA_ENCAP) || attrs.has(RTA_ENCAP_TYPE)) return "it encapsulates";
  if (header.rtm_tos != 0 || attrs.has(RTA_FLOW) || header.rtm_src_len != 0) return "it is for some packets only";
  if (const auto metrics = attrs.view(RTA_METRICS); metrics && !metrics->empty())
    return "it has an MTU or window of its own";
  return {};
}

std::vector<Found> read_routes(Socket& socket, net::Family family) {
  std::vector<Found> out;
  Batch batch;
  auto* header = static_cast<rtmsg*>(batch.begin(RTM_GETROUTE, NLM_F_DUMP, sizeof(rtmsg), "list routes"));
  header->rtm_family = wire(family);
  header->rtm_type = RTN_UNICAST;
  for (const int none : {ENOENT, EOPNOTSUPP, EAFNOSUPPORT}) batch.accept(none);
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const auto route = header_of<rtmsg>(message);
        if (!route || message.nlmsg_type != RTM_NEWROUTE || route->rtm_family != wire(family) ||
            route->rtm_type != RTN_UNICAST || (route->rtm_flags & RTM_F_CLONED) != 0)
          return;
        const Attrs attrs = Attrs::of(message, sizeof(rtmsg));
        const net::Ip any{family, 0};
        Found found;
        found.route = {{ip_of(attrs, RTA_DST, route->rtm_family).value_or(any), route->rtm_dst_len},
                       gateway_of(attrs, route->rtm_family),
                       ip_of(attrs, RTA_PREFSRC, route->rtm_family),
                       attrs.u32(RTA_TABLE).value_or(route->rtm_table),
                       attrs.u32(RTA_PRIORITY).value_or(0),
                       route->rtm_protocol,
                       route->rtm_scope,
                       (route->rtm_flags & RTNH_F_ONLINK) != 0};
        found.link = attrs.u32(RTA_OIF).value_or(0);
        found.hops = links_of(attrs.view(RTA_MULTIPATH).value_or(std::string_view()));
        found.odd = odd_of(*route, attrs);
        out.push_back(std::move(found));
      });
  return out;
}

// The kernel makes it with the address, and takes it away with it.
bool comes_with(const plan::TakenAddress& address, const plan::TakenRoute& route) {
  const std::uint32_t metric =
      address.metric != 0 || address.cidr.ip.family == net::Family::v4 ? address.metric : kIpv6Metric;
  return !address.no_prefix_route && route.protocol == RTPROT_KERNEL && !route.via &&
         route.dst == address.cidr.network() && route.metric == metric;
}

bool leads_by(const Found& found, std::uint32_t link) {
  return found.link == link || std::find(found.hops.begin(), found.hops.end(), link) != found.hops.end();
}

std::string text_of(const plan::TakenRoute& route) {
  return "route " + route.dst.str() + (route.via ? " via " + route.via->str() : std::string());
}

void add_routes(HostState& out, const std::vector<Found>& all, std::uint32_t link) {
  std::set<RouteKey> elsewhere;
  for (const Found& found : all)
    if (!leads_by(found, link)) elsewhere.insert(key_of(found.route));
  for (const Found& found : all) {
    const plan::TakenRoute& route = found.route;
    if (!leads_by(found, link)) continue;
    if (route.dst.ip.family == net::Family::v6 && route.dst.ip.is_link_local()) continue;  // each link has it
    if (std::any_of(out.addresses.begin(), out.addresses.end(),
                    [&](const plan::TakenAddress& address) { return comes_with(address, route); }))
      continue;
    if (!found.odd.empty()) out.fixed.push_back(text_of(route) + ": " + found.odd);
    if (elsewhere.contains(key_of(route)))
      out.fixed.push_back(text_of(route) +
                          ": another link has one with the same metric, and the kernel replaces either");
    out.routes.push_back(route);
  }
}

}  // namespace

RouteKey key_of(const plan::TakenRoute& route) { return {route.dst, route.table, route.metric}; }

HostState read_host_state(Socket& route, std::uint32_t link_index) {
  HostState out;
  const auto link = get_link(route, link_index);
  if (!link) return out;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) read_addresses(route, family, *link, out);
  for (const net::Family family : {net::Family::v4, net::Family::v6})
    add_routes(out, read_routes(route, family), link_index);
  std::stable_partition(out.routes.begin(), out.routes.end(), [](const plan::TakenRoute& r) { return !r.via; });
  return out;
}

void put_address(Batch& batch, std::uint32_t link_index, const net::IfName& link, const plan::TakenAddress& address) {
  const bool v4 = address.cidr.ip.family == net::Family::v4;
  const std::string label = address.cidr.str() + " on " + link.str();
  auto* header = static_cast<ifaddrmsg*>(batch.begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(ifaddrmsg), label));
  header->ifa_family = wire(address.cidr.ip.family);
  header->ifa_prefixlen = address.cidr.length;
  header->ifa_scope = static_cast<std::uint8_t>(address.scope);
  header->ifa_index = link_index;
  batch.put(IFA_LOCAL, address.cidr.ip.bytes());
  batch.put(IFA_ADDRESS, address.cidr.ip.bytes());
  // It was the host's before: nothing to detect, and it must work at once.
  batch.put_u32(IFA_FLAGS, (v4 ? 0 : IFA_F_NODAD) | (address.no_prefix_route ? IFA_F_NOPREFIXROUTE : 0));
  if (address.broadcast) batch.put(IFA_BROADCAST, address.broadcast->bytes());
  if (address.metric != 0) batch.put_u32(IFA_RT_PRIORITY, address.metric);
  if (address.deprecated) {
    ifa_cacheinfo life{};
    life.ifa_valid = kForEver;
    batch.put(IFA_CACHEINFO, &life, sizeof life);
  }
  if (!address.alias.empty() && link.str().size() + address.alias.size() < IFNAMSIZ)
    batch.put_text(IFA_LABEL, link.str() + address.alias);
  batch.accept(EEXIST);
}

void replace_route(Batch& batch, std::uint32_t link_index, const plan::TakenRoute& route, const std::string& label) {
  auto* header = static_cast<rtmsg*>(batch.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(rtmsg), label));
  header->rtm_family = wire(route.dst.ip.family);
  header->rtm_dst_len = route.dst.length;
  header->rtm_protocol = static_cast<std::uint8_t>(route.protocol);
  header->rtm_scope = static_cast<std::uint8_t>(route.scope);
  header->rtm_type = RTN_UNICAST;
  header->rtm_table = static_cast<std::uint8_t>(route.table < 256 ? route.table : std::uint32_t{RT_TABLE_COMPAT});
  if (route.onlink) header->rtm_flags = RTNH_F_ONLINK;
  batch.put_u32(RTA_TABLE, route.table);
  if (route.dst.length > 0) batch.put(RTA_DST, route.dst.network().ip.bytes());
  batch.put_u32(RTA_OIF, link_index);
  if (route.via && route.via->family == route.dst.ip.family) batch.put(RTA_GATEWAY, route.via->bytes());
  if (route.via && route.via->family != route.dst.ip.family) {
    const std::uint16_t family = wire(route.via->family);
    batch.put(RTA_VIA, std::string(reinterpret_cast<const char*>(&family), sizeof family) + route.via->bytes());
  }
  if (route.source) batch.put(RTA_PREFSRC, route.source->bytes());
  if (route.metric != 0) batch.put_u32(RTA_PRIORITY, route.metric);
}

}  // namespace trestle::kernel
