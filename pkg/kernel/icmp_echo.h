#pragma once
#include <cstddef>
#include <set>
#include <vector>

#include "net/ip.h"

namespace trestle::kernel {

// Which of `targets` answer an ICMP echo with so many bytes of data, none of it fragmented, within the time. All are asked at once. In the
// current network namespace. Throws Error{kernel}.
std::set<net::Ip> echo(const std::vector<net::Ip>& targets, std::size_t payload, int timeout_ms);

}  // namespace trestle::kernel
