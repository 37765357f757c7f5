#pragma once
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTM_NEWNEXTHOP, created or replaced: an IPv6 next hop on the link, which routes of both families may use.
void add_nexthop(Batch& batch, std::uint32_t link_index, const plan::Nexthop& nexthop);
void delete_nexthop(Batch& batch, std::uint32_t id,
                    const std::string& label);  // absent is accepted; its routes go with it
bool has_nexthop(Socket& socket, std::uint32_t link_index, const plan::Nexthop& nexthop);
// All of that link (named `dev`), in the kernel's order. A dump.
std::vector<plan::Nexthop> nexthops(Socket& socket, std::uint32_t link_index, const net::IfName& dev);

}  // namespace trestle::kernel
