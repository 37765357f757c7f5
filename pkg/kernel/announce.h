#pragma once
#include <string>

#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "plan/step.h"

namespace trestle::kernel {

// Gratuitous ARP: RTM_NEWNEIGH with NTF_USE for each own IPv4 address; the kernel sends the frame (no AF_PACKET: closing one waits
// 16 ms for RCU).
void announce_arp(Batch& batch, std::uint32_t link_index, const plan::Announce& announce);
// Unsolicited neighbour advertisements (override set, to ff02::1) for each own IPv6 address by a raw ICMPv6 socket. Call it inside the
// pod's namespace. Best effort: returns the errno of the first failure, 0 when all went out.
int announce_nd(std::uint32_t link_index, const plan::Announce& announce);

}  // namespace trestle::kernel
