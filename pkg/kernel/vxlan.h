#pragma once
#include <optional>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// RTM_NEWLINK, exclusive, down, MAC and group in the creating message (udev leaves a MAC alone that was given there). EEXIST: the name is
// taken, or that VNI and port are another link's. `master_index` 0: no port of a switch. `underlay_index`: of `underlay`.
void add_vxlan(Batch& batch, const plan::Vxlan& vxlan, std::uint32_t master_index, std::uint32_t underlay_index);
// What a VTEP that is there may need: its flags as a port, no IPv6 of its own as one, MTU, up.
void dress_vxlan(Batch& batch, const plan::Vxlan& vxlan);
// The node's address on the underlay changed, and with it the MAC by which its peers know it. Takes effect at once, traffic goes on.
void move_vxlan(Batch& batch, const net::IfName& link, const net::Ip& local, const net::Mac& mac);

// ethtool's tx-checksumming (`ethtool -K LINK tx off`): ETHTOOL_STXCSUM, ETHTOOL_GTXCSUM. Throws Error{kernel}.
void set_tx_checksum(Socket& socket, const net::IfName& link, bool on);
bool has_tx_checksum(Socket& socket, const net::IfName& link);

// What the kernel says of one; nullopt: there is no such link, or it is no VXLAN.
struct VxlanInfo {
  std::uint32_t vni = 0;
  std::uint16_t port = 0;
  std::optional<net::Ip> local, multicast;
  bool learning = false;
  bool suppress = false;  // IFLA_BRPORT_NEIGH_SUPPRESS
};
std::optional<VxlanInfo> get_vxlan(Socket& socket, const net::IfName& link);

}  // namespace trestle::kernel
