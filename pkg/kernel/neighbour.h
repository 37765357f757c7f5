#pragma once
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// A permanent neighbour, or (proxy) an address that this host answers for. One that is there already is replaced.
void add_neighbour(Batch& batch, std::uint32_t link_index, const plan::Neighbour& neighbour);
void delete_neighbour(Batch& batch, std::uint32_t link_index, const plan::Neighbour& neighbour);  // absent is accepted
// The permanent neighbours of one link, without those of routing daemons. A dump of that link.
std::vector<plan::Neighbour> neighbours(Socket& socket, std::uint32_t link_index, const plan::LinkRef& link);
// Has a station of that MAC been seen at the address, by that link?
bool is_at(Socket& socket, std::uint32_t link_index, const net::Ip& ip, const net::Mac& mac);
bool has_neighbour(Socket& socket, std::uint32_t link_index, const plan::Neighbour& neighbour);

}  // namespace trestle::kernel
