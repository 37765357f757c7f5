#pragma once
#include <optional>
#include <vector>

#include "kernel/netlink.h"
#include "net/ip.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTPROT_STATIC. EEXIST is accepted when `again`.
void add_route(Batch& batch, std::uint32_t link_index, const plan::Route& route, bool again, const std::string& label);
void delete_route(Batch& batch, std::uint32_t link_index, const plan::Route& route, const std::string& label);  // absent is accepted
// Is there a route with the same destination, gateway, table and device?
bool has_route(Socket& socket, std::uint32_t link_index, const plan::Route& route);

// The device of the default route (IPv4 first, then IPv6), by ifindex; nullopt without one.
std::optional<std::uint32_t> default_route_link(Socket& socket);
// Devices whose IPv6 default route was learned by a router advertisement (RTPROT_RA).
std::vector<std::uint32_t> ra_default_links(Socket& socket);

}  // namespace trestle::kernel
