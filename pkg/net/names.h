#pragma once
// Every derived name, MAC and group of Trestle comes from one of these pure functions. They are stable for ever:
// DEL finds by them what an ADD of an older release made (DESIGN section 3).
#include <cstdint>
#include <string>
#include <string_view>

#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"

namespace trestle::net {

// Who an attachment belongs to: all that DEL, CHECK and GC look at.
struct Owner {
  std::string network, container, ifname;
  auto operator<=>(const Owner&) const = default;
};

// 64 bits for the owner: record file names and locks.
std::uint64_t owner_hash(const Owner& owner);
// "veth" + 11 hex digits of hash(owner, NIC). `nic` is the interface's name in the pod.
IfName host_link_name(const Owner& owner, const IfName& nic);
// "ifb" + the digits of that name, or those of a hash of another's: the link on which what the pod sends is limited.
IfName ifb_name(const IfName& host_link);
// "tap" + what follows the first three letters of the interface in the pod: where KubeVirt looks (eth0 -> tap0, podabc -> tapabc).
IfName tap_name(const IfName& nic);
// The routing table of a NIC in the pod with `sourceRouting`: 1000 + hash(name) % 30000. Neither is any of the kernel's own.
std::uint32_t source_table(const IfName& nic);
// "tr" + network name; "tr" + 11 hex digits of its hash when that is longer than 15 or no plain name.
IfName switch_name(std::string_view network);
// "bond" + 11 hex digits of hash(switch): of the NICs that are its uplink together.
IfName bond_name(const IfName& bridge);
// 02 + 5 bytes of hash(switch).
Mac switch_mac(const IfName& bridge);
// 02 + 5 bytes of hash(switch, first address), so that an address used again keeps its MAC.
Mac pod_mac(const IfName& bridge, const Ip& first);
// The same on a trunk: it is in VLANs whose pods may have that address too.
Mac trunk_mac(const IfName& bridge, const Ip& first);
// 02 + 5 bytes of hash(owner), and of the NIC where it is not the call's first: of a NIC without an address.
Mac nic_mac(const Owner& owner, const IfName& nic);
// fe + the last 5 bytes of the pod's: a bridge port must not have the MAC of what is behind it.
Mac host_side_mac(const Mac& pod);
// IFLA_GROUP of the links of one network: 0x40000000 | 30-bit hash(state dir, network).
std::uint32_t link_group(std::string_view state_dir, std::string_view network);
// IFLA_GROUP of the switches made under one state directory.
std::uint32_t switch_group(std::string_view state_dir);
// Is it the group of a link or a switch of any state directory?
bool is_our_group(std::uint32_t group);
// IFLA_GROUP that a link gets just before it is deleted together with others: 0x80000000 | 30-bit hash(state dir).
std::uint32_t doomed_group(std::string_view state_dir);
// "vx" + VNI, and "p" + port where that is not 4789; hashed when that is longer than 15: the tunnel's end on this node.
IfName vtep_name(std::uint32_t vni, std::uint16_t port);
// 02 + 5 bytes of hash(VNI, node): of that end on any node, so that no node has to be told, and none can have it stale. `node`: its name in
// the list of peers, else its tunnel address.
Mac vtep_mac(std::uint32_t vni, std::string_view node);
// The same for thousands of nodes.
class VtepMacs {
 public:
  explicit VtepMacs(std::uint32_t vni);
  Mac of(std::string_view node);

 private:
  std::string text_;
  std::size_t head_;
};
// The link-local address the kernel derives from a MAC (EUI-64): what a switch answers with.
Ip link_local(const Mac& mac);

}  // namespace trestle::net
