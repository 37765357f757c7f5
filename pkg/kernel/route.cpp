#include "kernel/route.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/attrs.h"
#include "kernel/our_tag.h"

namespace trestle::kernel {

namespace {

std::uint8_t family_of(const net::Ip& ip) { return ip.family == net::Family::v4 ? AF_INET : AF_INET6; }

// RTA_VIA: a gateway of the other family (IPv4 by an IPv6 neighbour).
std::string via_bytes(const net::Ip& via) {
  const std::uint16_t family = family_of(via);
  std::string bytes(reinterpret_cast<const char*>(&family), sizeof family);
  return bytes + via.bytes();
}

void put_table(Batch& batch, rtmsg* header, std::uint32_t table) {
  header->rtm_table = static_cast<std::uint8_t>(table < 256 ? table : std::uint32_t{RT_TABLE_COMPAT});
  batch.put_u32(RTA_TABLE, table);
}

// What says which route it is, for making and deleting.
rtmsg* begin_route(Batch& batch, std::uint16_t type, std::uint16_t flags, const net::Cidr& dst,
                   const std::string& label) {
  auto* header = static_cast<rtmsg*>(batch.begin(type, flags, sizeof(rtmsg), label));
  header->rtm_family = family_of(dst.ip);
  header->rtm_dst_len = dst.length;
  header->rtm_protocol = RTPROT_STATIC;
  header->rtm_type = RTN_UNICAST;
  return header;
}

void put_way(Batch& batch, std::uint32_t link_index, const plan::Route& route) {
  if (route.dst.length > 0) batch.put(RTA_DST, route.dst.network().ip.bytes());
  if (route.source) batch.put(RTA_PREFSRC, route.source->bytes());
  if (route.metric && route.nexthop) batch.put_u32(RTA_PRIORITY, *route.metric);
  if (route.nexthop) return batch.put_u32(RTA_NH_ID, *route.nexthop);
  batch.put_u32(RTA_OIF, link_index);
  if (route.via && route.via->family == route.dst.ip.family) batch.put(RTA_GATEWAY, route.via->bytes());
  if (route.via && route.via->family != route.dst.ip.family) batch.put(RTA_VIA, via_bytes(*route.via));
  if (route.metric) batch.put_u32(RTA_PRIORITY, *route.metric);
}

}  // namespace

namespace {

// The route that a packet of this host to the address would take, as the kernel answers; nullopt when there is none.
std::optional<std::vector<char>> route_towards(Socket& socket, const net::Ip& ip, std::uint32_t flags) {
  Batch batch;
  auto* header = static_cast<rtmsg*>(batch.begin(RTM_GETROUTE, 0, sizeof(rtmsg), "look up the route to " + ip.str()));
  header->rtm_family = family_of(ip);
  header->rtm_dst_len = static_cast<std::uint8_t>(ip.bits());
  header->rtm_flags = flags;
  batch.put(RTA_DST, ip.bytes());
  // Unreachable, prohibited and blackholed count as none; so does a kernel without IPv6.
  for (const int none : {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EOPNOTSUPP, EAFNOSUPPORT}) batch.accept(none);
  auto answer = socket.get(batch);
  const auto found =
      answer ? header_of<rtmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data())) : std::optional<rtmsg>();
  if (!found || found->rtm_type != RTN_UNICAST) return std::nullopt;
  return answer;
}

// Public, and in nobody's special routes or bogon list (a.root-servers.net). Nothing is sent.
net::Ip outside(net::Family family) {
  return net::Ip::parse(family == net::Family::v4 ? "198.41.0.4" : "2001:503:ba3e::2:30");
}

}  // namespace

bool has_way_to(Socket& socket, const net::Cidr& subnet) {
  const auto answer = route_towards(socket, subnet.first(), RTM_F_FIB_MATCH);
  return answer && header_of<rtmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data()))->rtm_dst_len >= subnet.length;
}

std::optional<std::uint32_t> link_towards(Socket& socket, const net::Ip& ip) {
  const auto answer = route_towards(socket, ip, 0);
  if (!answer) return std::nullopt;
  return Attrs::of(*reinterpret_cast<const nlmsghdr*>(answer->data()), sizeof(rtmsg)).u32(RTA_OIF);
}

namespace {

// Calls `each` for the unicast routes of one family and table, by one device (0: any) and protocol (0: any).
template <class F>
void for_each_route(Socket& socket, std::uint8_t family, std::uint32_t table, std::uint32_t link_index,
                    std::uint8_t protocol, const std::function<void()>& restart, F&& each) {
  Batch batch;
  auto* header = static_cast<rtmsg*>(batch.begin(RTM_GETROUTE, NLM_F_DUMP, sizeof(rtmsg), "list routes"));
  header->rtm_family = family;
  header->rtm_protocol = protocol;
  header->rtm_type = RTN_UNICAST;
  put_table(batch, header, table);
  if (link_index != 0) batch.put_u32(RTA_OIF, link_index);
  for (const int none : {ENOENT, ENODEV, EOPNOTSUPP, EAFNOSUPPORT})
    batch.accept(none);  // no such table or link; no IPv6
  socket.dump(batch, restart, [&](const nlmsghdr& message) {
    const auto route = header_of<rtmsg>(message);
    if (!route || message.nlmsg_type != RTM_NEWROUTE || route->rtm_family != family || route->rtm_type != RTN_UNICAST)
      return;
    if ((route->rtm_flags & RTM_F_CLONED) != 0 || (protocol != 0 && route->rtm_protocol != protocol)) return;
    const Attrs attrs = Attrs::of(message, sizeof(rtmsg));
    if (attrs.u32(RTA_TABLE).value_or(route->rtm_table) == table) each(*route, attrs);
  });
}

// Every next hop of a route: plain in the message, or in RTA_MULTIPATH (IPv6 joins routes with one metric into such a
// list).
template <class F>
void for_each_hop(const Attrs& attrs, F&& each) {
  if (const auto link = attrs.u32(RTA_OIF)) each(*link, attrs);
  std::string_view hops = attrs.view(RTA_MULTIPATH).value_or(std::string_view());
  rtnexthop hop{};
  while (hops.size() >= sizeof hop) {
    std::memcpy(&hop, hops.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
    each(static_cast<std::uint32_t>(hop.rtnh_ifindex), Attrs(hops.substr(sizeof hop, hop.rtnh_len - sizeof hop)));
    hops.remove_prefix(std::min(hops.size(), static_cast<std::size_t>(RTNH_ALIGN(hop.rtnh_len))));
  }
}

bool same_gateway(const Attrs& hop, const plan::Route& route) {
  const auto plain = hop.view(RTA_GATEWAY), other = hop.view(RTA_VIA);
  if (!route.via) return !plain && !other;
  return route.via->family == route.dst.ip.family ? plain == route.via->bytes() : other == via_bytes(*route.via);
}

}  // namespace

void add_route(Batch& batch, std::uint32_t link_index, const plan::Route& route, bool again, const std::string& label) {
  const bool replace = route.nexthop && again;
  rtmsg* header =
      begin_route(batch, RTM_NEWROUTE, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), route.dst, label);
  if (route.nexthop) header->rtm_protocol = kOurProtocol;
  const bool beyond = route.via || route.nexthop;
  header->rtm_scope = static_cast<std::uint8_t>(route.scope.value_or(beyond ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK));
  if (route.dst.ip.family == net::Family::v6) header->rtm_scope = RT_SCOPE_UNIVERSE;  // IPv6 knows no other
  put_table(batch, header, route.table.value_or(RT_TABLE_MAIN));
  put_way(batch, link_index, route);
  if (route.mtu || route.advmss) {
    const std::size_t metrics = batch.open_nest(RTA_METRICS);
    if (route.mtu) batch.put_u32(RTAX_MTU, *route.mtu);
    if (route.advmss) batch.put_u32(RTAX_ADVMSS, *route.advmss);
    batch.close_nest(metrics);
  }
  if (again && !replace) batch.accept(EEXIST);
}

void restore_prefix_route(Batch& batch, std::uint32_t link_index, const net::Cidr& address, const std::string& label) {
  constexpr std::uint32_t kIpv6Metric = 256;  // IP6_RT_PRIO_ADDRCONF; with another it would be a second route
  const bool v4 = address.ip.family == net::Family::v4;
  const net::Cidr dst = address.network();
  rtmsg* header = begin_route(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, dst, label);
  header->rtm_protocol = RTPROT_KERNEL;  // it goes with its address
  header->rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  put_table(batch, header, RT_TABLE_MAIN);
  batch.put(RTA_DST, dst.ip.bytes());
  batch.put_u32(RTA_OIF, link_index);
  if (v4) batch.put(RTA_PREFSRC, address.ip.bytes());
  if (!v4) batch.put_u32(RTA_PRIORITY, kIpv6Metric);
  batch.accept(EEXIST);
}

void delete_route(Batch& batch, std::uint32_t link_index, const plan::Route& route, const std::string& label) {
  rtmsg* header = begin_route(batch, RTM_DELROUTE, 0, route.dst, label);
  if (route.nexthop) header->rtm_protocol = kOurProtocol;
  header->rtm_scope = RT_SCOPE_NOWHERE;  // any
  put_table(batch, header, route.table.value_or(RT_TABLE_MAIN));
  put_way(batch, link_index, route);
  for (const int gone : {ESRCH, ENODEV, ENOENT}) batch.accept(gone);
}

bool has_route(Socket& socket, std::uint32_t link_index, const plan::Route& route) {
  if (route.nexthop) {
    const auto all = tunnel_routes(socket, route.dev);
    return std::any_of(all.begin(), all.end(), [&](const plan::Route& other) {
      return other.dst == route.dst && other.nexthop == route.nexthop;
    });
  }
  bool found = false;
  const net::Cidr wanted = route.dst.network();
  const auto restart = [&] { found = false; };
  for_each_route(socket, family_of(wanted.ip), route.table.value_or(RT_TABLE_MAIN), link_index, 0, restart,
                 [&](const rtmsg& header, const Attrs& attrs) {
                   if (header.rtm_dst_len != wanted.length) return;
                   if (wanted.length > 0 && attrs.view(RTA_DST) != wanted.ip.bytes()) return;
                   for_each_hop(attrs, [&](std::uint32_t link, const Attrs& hop) {
                     if (link == link_index && same_gateway(hop, route)) found = true;
                   });
                 });
  return found;
}

std::vector<plan::Route> tunnel_routes(Socket& socket, const plan::LinkRef& dev) {
  std::vector<plan::Route> out;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    std::vector<plan::Route> found;
    for_each_route(
        socket, family == net::Family::v4 ? AF_INET : AF_INET6, RT_TABLE_MAIN, 0, kOurProtocol, [&] { found.clear(); },
        [&](const rtmsg& header, const Attrs& attrs) {
          const auto nexthop = attrs.u32(RTA_NH_ID);
          if (!nexthop) return;
          plan::Route route{dev, {{family, 0}, header.rtm_dst_len}, std::nullopt, {}, {}, {}, {}, {}, nexthop};
          if (const auto bytes = attrs.view(RTA_DST); bytes && bytes->size() == route.dst.ip.bytes().size())
            route.dst.ip = net::Ip::from_bytes(*bytes);
          if (const auto source = attrs.view(RTA_PREFSRC); source && (source->size() == 4 || source->size() == 16))
            route.source = net::Ip::from_bytes(*source);
          found.push_back(route);
        });
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

std::vector<Way> ways(Socket& socket, net::Family family) {
  std::vector<Way> out;
  for_each_route(
      socket, family == net::Family::v4 ? AF_INET : AF_INET6, RT_TABLE_MAIN, 0, 0, [&] { out.clear(); },
      [&](const rtmsg& header, const Attrs& attrs) {
        net::Cidr dst{{family, 0}, header.rtm_dst_len};
        if (const auto bytes = attrs.view(RTA_DST); bytes && bytes->size() == dst.ip.bytes().size())
          dst.ip = net::Ip::from_bytes(*bytes);
        for_each_hop(attrs, [&](std::uint32_t link, const Attrs& hop) {
          out.push_back({dst, link, !hop.has(RTA_GATEWAY) && !hop.has(RTA_VIA)});
        });
      });
  return out;
}

std::optional<std::uint32_t> way_out(Socket& socket, net::Family family) {
  return link_towards(socket, outside(family));
}

std::optional<net::Ip> router(Socket& socket, net::Family family) {
  const auto answer = route_towards(socket, outside(family), 0);
  if (!answer) return std::nullopt;
  const auto via = Attrs::of(*reinterpret_cast<const nlmsghdr*>(answer->data()), sizeof(rtmsg)).view(RTA_GATEWAY);
  if (!via || (via->size() != 4 && via->size() != 16)) return std::nullopt;
  return net::Ip::from_bytes(*via);
}

std::optional<std::uint32_t> default_route_link(Socket& socket) {
  if (const auto link = way_out(socket, net::Family::v4)) return link;
  return way_out(socket, net::Family::v6);
}

std::vector<std::uint32_t> ra_default_links(Socket& socket) {
  std::vector<std::uint32_t> links;
  for_each_route(
      socket, AF_INET6, RT_TABLE_MAIN, 0, RTPROT_RA, [&] { links.clear(); },
      [&](const rtmsg& header, const Attrs& attrs) {
        if (header.rtm_dst_len != 0) return;
        for_each_hop(attrs, [&](std::uint32_t link, const Attrs&) {
          if (std::find(links.begin(), links.end(), link) == links.end()) links.push_back(link);
        });
      });
  return links;
}

}  // namespace trestle::kernel
