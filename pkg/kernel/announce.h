#pragma once
#include <cstdint>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// A veth just set up loses what is sent over it until the kernel has noticed the carrier: a work queue starts its
// queues and makes the bridge port forward. Waits for that, for the pod's link and its peer on the host, at most 5 ms.
// Since Linux 6.8 asking is enough. Call it between setting up and announcing.
void await_carrier(Socket& pod, std::uint32_t link_index, Socket& host);
// An IPv6 address is taken over by a work queue, even one without duplicate address detection: until then the pod neither
// receives for it nor answers who asks for it, and a neighbour asks again after a second only. Waits for the local routes
// that end that work, at most 50 ms in all.
void await_addresses(Socket& pod, const std::vector<net::Ip>& addresses);
// Gratuitous ARP: RTM_NEWNEIGH with NTF_USE for each own IPv4 address; the kernel sends the frame (no AF_PACKET socket:
// closing one waits 16 ms for RCU). Send it over the pod's socket, with the link up and the addresses on it.
void announce_arp(Batch& batch, std::uint32_t link_index, const plan::Announce& announce);
// Unsolicited neighbour advertisements (override set, to ff02::1) for each own IPv6 address by a raw ICMPv6 socket.
// Call it inside the pod's namespace. Best effort: returns the errno of the first failure, 0 when all went out or there
// is no IPv6 address.
int announce_nd(std::uint32_t link_index, const plan::Announce& announce);

}  // namespace trestle::kernel
