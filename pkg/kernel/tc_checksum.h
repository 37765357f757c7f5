#pragma once
// DHCP's answers leave a link with their UDP checksum filled in. Between links of one host the kernel leaves that to whoever needs it, and a DHCP
// client that reads raw frames (FreeBSD's, older dhclients, firmware) drops what has none: kubevirt#1715, virtlet#882.
#include <cstdint>

#include "kernel/netlink.h"
#include "net/ifname.h"

namespace trestle::kernel {

// Two requests: the qdisc clsact, and the filter (u32, action csum) on what leaves by the link for UDP port 68; for a link without that filter. Refused with ENOENT or EOPNOTSUPP: this kernel lacks one of them.
void fill_dhcp_checksums(Batch& batch, std::uint32_t index, const net::IfName& name);
bool fills_dhcp_checksums(Socket& socket, std::uint32_t index);
// Has this kernel the action, as far as it is loaded?
bool has_checksum_action(Socket& socket);
// Takes that filter away, and no other of its priority.
void leave_dhcp_checksums(Socket& socket, std::uint32_t index, const net::IfName& name);
// Only for who made it: an empty one may be another program's, which puts its filter in next.
void remove_empty_clsact(Socket& socket, std::uint32_t index, const net::IfName& name);

}  // namespace trestle::kernel
