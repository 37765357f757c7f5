#pragma once
// What conntrack remembers of UDP flows to published ports: a client that sends on keeps its entry alive for ever, and goes on where it led
// when it began (plugins#123, #1190). TCP ends by itself. Without a UDP mapping, and on a host without entries, nothing is asked.
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// Deletes the UDP entries to these ports of the host's own addresses that do not lead to one of `mappings`: for when they are in place.
// `route`: tells which addresses are the host's. Throws Error{kernel}.
void forget_stale_udp(Socket& netfilter, Socket& route, const std::vector<plan::Mapping>& mappings);

// Deletes the UDP entries that lead through these mappings: for when they are gone. Throws Error{kernel}.
void forget_udp_to(Socket& netfilter, const std::vector<plan::Mapping>& mappings);

}  // namespace trestle::kernel
