#pragma once
#include <set>
#include <vector>

#include "net/ip.h"

namespace trestle::kernel {

// Which of `nodes` say that they take no packets at that UDP port (ICMP: unreachable): nobody listens there, or a firewall rejects them. Nothing
// comes of one that drops them: then this takes a quarter more than `timeout_ms`. In the current network namespace, from `local`. Throws
// Error{kernel}.
std::set<net::Ip> refusing(const std::vector<net::Ip>& nodes, std::uint16_t port, const net::Ip& local, int timeout_ms);

}  // namespace trestle::kernel
