#pragma once
#include <vector>

namespace trestle::kernel {

// A chain of iptables-legacy's table filter whose policy is DROP.
struct LegacyDrop {
  bool ipv6 = false, forward = true;
};
// By getsockopt on a raw socket, as iptables-legacy does. Never loads the table's module: only what /proc/net says is there is asked.
// Empty where the kernel has no such tables.
std::vector<LegacyDrop> legacy_drops();

}  // namespace trestle::kernel
