#pragma once
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTM_NEWLINK, exclusive: down, without members. EOPNOTSUPP: the kernel was built without bonding.
void add_bond(Batch& batch, const plan::Bond& bond);
// What a bond of ours that is there lacks of `wanted`: its MTU, the looks at its members. Its mode only changes without members: they are let
// go, down, for the caller to enslave again.
void change_bond(Batch& batch, const plan::Bond& wanted, const LinkInfo& there);
// A NIC becomes a member; the kernel takes it only when it is down, and puts it up itself.
void enslave(Batch& batch, const net::IfName& nic, std::uint32_t bond_index);

}  // namespace trestle::kernel
