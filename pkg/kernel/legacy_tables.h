#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace trestle::kernel {

// A chain of iptables-legacy's table filter that lets nothing pass but what its rules name: by its policy, or by a last rule that drops or
// rejects all. None of its rules, nor of the chains of others' making, accepts the link by name.
struct LegacyDrop {
  bool ipv6 = false, forward = true;
  bool operator==(const LegacyDrop&) const = default;
};
// By getsockopt on a raw socket, as iptables-legacy does. Never loads the table's module: only what /proc/net says is there is asked.
// Empty where the kernel has no such tables.
// `udp_port`, not 0: nor any that goes to that port.
std::vector<LegacyDrop> legacy_drops(const std::string& link, std::uint16_t udp_port = 0);

}  // namespace trestle::kernel
