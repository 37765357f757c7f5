#pragma once
// What of the host lives on one of its links: its own addresses and the routes by it, to be put on another link as they were.
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// What the kernel tells routes apart by.
using RouteKey = std::tuple<net::Cidr, std::uint32_t, std::uint32_t>;  // destination, table, metric
RouteKey key_of(const plan::TakenRoute& route);

// Addresses but the link-local ones that the kernel makes; unicast routes of all tables but those that the kernel makes with an address. `fixed`: one line for
// each that cannot be moved, naming it and the reason: it has a lifetime, somebody renews it, or it says more than a TakenRoute can.
struct HostState {
  std::vector<plan::TakenAddress> addresses;
  std::vector<plan::TakenRoute> routes;  // those without a gateway first: the others' gateways are behind them
  std::vector<std::string> fixed;
};

// Dumps all routes of the namespace: never on the ADD path of a switch that is there.
HostState read_host_state(Socket& route, std::uint32_t link_index);

// EEXIST is accepted. An alias that the link's name leaves no room for is left out.
void put_address(Batch& batch, std::uint32_t link_index, const net::IfName& link, const plan::TakenAddress& address);
// NLM_F_REPLACE: the route of the same table, destination and metric leads by this link from now on, without a moment in between.
void replace_route(Batch& batch, std::uint32_t link_index, const plan::TakenRoute& route, const std::string& label);

}  // namespace trestle::kernel
