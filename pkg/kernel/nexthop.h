#pragma once
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTM_NEWNEXTHOP, created, or with `again` replaced (EEXIST: the number is taken): a next hop on the link. Routes of both families may use one of IPv6; of IPv4, those of IPv4 alone.
void add_nexthop(Batch& batch, std::uint32_t link_index, const plan::Nexthop& nexthop, bool again);
void delete_nexthop(Batch& batch, std::uint32_t id,
                    const std::string& label);  // absent is accepted; its routes go with it
bool has_nexthop(Socket& socket, std::uint32_t link_index, const plan::Nexthop& nexthop);
bool has_nexthop(Socket& socket, std::uint32_t id);  // of ours, wherever it leads
// All that carry our protocol, of every tunnel, in the kernel's order. A dump.
struct HeldNexthop {
  std::uint32_t id = 0, link_index = 0;
  net::Ip via;
};
std::vector<HeldNexthop> nexthops(Socket& socket);

}  // namespace trestle::kernel
