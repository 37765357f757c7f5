#pragma once
// DHCP's answers leave a link with their UDP checksum filled in. Between links of one host the kernel leaves that to whoever needs it, and a DHCP
// client that reads raw frames (FreeBSD's, older dhclients, firmware) drops what has none: kubevirt#1715, virtlet#882.
#include <cstdint>

#include "kernel/netlink.h"
#include "net/ifname.h"

namespace trestle::kernel {

// Three requests, as in tc.h: the qdisc clsact, out with a filter of ours that is there already, the filter (u32, action csum) on what leaves by
// the link for UDP port 68. Refused with ENOENT or EOPNOTSUPP: this kernel lacks one of them.
void fill_dhcp_checksums(Batch& batch, std::uint32_t index, const net::IfName& name);
bool fills_dhcp_checksums(Socket& socket, std::uint32_t index);
// Has this kernel the action, as far as it is loaded?
bool has_checksum_action(Socket& socket);
// Takes the filter away, and the qdisc when nobody has another filter there.
void leave_dhcp_checksums(Socket& socket, std::uint32_t index, const net::IfName& name);

}  // namespace trestle::kernel
