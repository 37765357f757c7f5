#pragma once
#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTM_NEWLINK, exclusive: down, without members. EOPNOTSUPP: the kernel was built without bonding.
void add_bond(Batch& batch, const plan::Bond& bond);
// A NIC becomes a member; the kernel takes it only when it is down, and puts it up itself.
void enslave(Batch& batch, const net::IfName& nic, std::uint32_t bond_index);

}  // namespace trestle::kernel
