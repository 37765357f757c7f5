#pragma once
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "net/ip.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTPROT_STATIC; host bits of the destination are dropped. Scope: as asked, else link without and global with a
// gateway. EEXIST is accepted when `again` (the kernel says so too for another gateway at the same destination, table
// and metric: has_route() tells them apart). A route by a Nexthop is replaced when `again`, and else EEXIST is another hand's route.
void add_route(Batch& batch, std::uint32_t link_index, const plan::Route& route, bool again, const std::string& label);
void delete_route(Batch& batch, std::uint32_t link_index, const plan::Route& route,
                  const std::string& label);  // absent is accepted
// The route that the kernel makes with an address of a link that is up; for one that a foreign hand took away. EEXIST is accepted.
void restore_prefix_route(Batch& batch, std::uint32_t link_index, const net::Cidr& address, const std::string& label);
// Is there a route with the same destination, gateway, table and device?
bool has_route(Socket& socket, std::uint32_t link_index, const plan::Route& route);

// The routes of the main table by a Nexthop, of all tunnels of ours; `dev` is only written into them. A dump that the kernel filters.
std::vector<plan::Route> tunnel_routes(Socket& socket, const plan::LinkRef& dev);

// One way of the main table: to `dst` by that link, `direct` when without a gateway.
struct Way {
  net::Cidr dst;
  std::uint32_t link = 0;
  bool direct = false;
};
// The unicast routes of one family: each next hop one Way. A dump: once, when a switch is made.
std::vector<Way> ways(Socket& socket, net::Family family);

// Is there a route to that very subnet, or to a part of it? By the way to its first address: one look-up, whatever the size of the table.
bool has_way_to(Socket& socket, const net::Cidr& subnet);
// The device that a packet of this host to the address would leave by. One look-up; nullopt when there is no route.
std::optional<std::uint32_t> link_towards(Socket& socket, const net::Ip& to);
// The device by which a public address is reached (IPv4 first, then IPv6): that of the default route, or what a VPN put
// before it. One look-up each, whatever the size of the routing table. nullopt when there is no way out.
std::optional<std::uint32_t> default_route_link(Socket& socket);
// The link on the way to public addresses of that family. One look-up.
std::optional<std::uint32_t> way_out(Socket& socket, net::Family family);
// The next hop on that way; nullopt: there is none, or it is the link itself. One look-up.
std::optional<net::Ip> router(Socket& socket, net::Family family);
// Devices whose IPv6 default route was learned by a router advertisement (RTPROT_RA), each once. A dump that the kernel
// filters.
std::vector<std::uint32_t> ra_default_links(Socket& socket);

}  // namespace trestle::kernel
