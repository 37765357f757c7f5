#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/netlink.h"
#include "net/ifname.h"
#include "net/mac.h"
#include "plan/step.h"

namespace trestle::kernel {

// Of a TUN or TAP.
struct TunInfo {
  bool tap = false, persistent = false, multi_queue = false;
  std::optional<std::uint32_t> owner, group;
};

// Of a VLAN interface of the host's.
struct VlanInfo {
  std::uint32_t parent = 0;  // ifindex
  std::uint16_t vid = 0;
  bool service = false;  // 802.1ad: another tag than that of a switch's VLANs
};

// Of a bond: its mode by the kernel's name, and whether it looks after its members.
struct BondInfo {
  std::string mode;
  bool monitored = false;  // MII or ARP; else it never fails over
};

// What the kernel says of one link. An ifindex lives in pkg/kernel and pkg/engine's running call only; it is never
// stored.
struct LinkInfo {
  std::uint32_t index = 0;
  std::string name, kind, alias;  // kind: "bridge", "veth", "" for a physical NIC
  std::string port_kind;          // IFLA_INFO_SLAVE_KIND: "bridge" when it is a port
  std::uint32_t flags = 0, mtu = 0, group = 0;
  std::uint32_t master = 0;  // ifindex, 0 without
  std::optional<std::int32_t>
      peer_netns;          // of a veth whose other end is in another namespace: this namespace's number for that one
  std::uint32_t peer = 0;  // IFLA_LINK of a veth: the other end's ifindex in its own namespace
  std::optional<net::Mac> mac;
  bool carrier_noticed =
      false;  // IFLA_OPERSTATE is "up": its queues run, and as a port it forwards. Not for CHECK: it is late
  bool hairpin = false, isolated = false, guard = false;  // of a bridge port
  bool learning = true, flood = true, disabled = false;
  std::optional<bool> locked;  // nullopt: the kernel does not know the flag (before 5.18)
  bool vlan_filtering = false, stp = false, snooping = true;  // of a bridge; a kernel that cannot snoop says nothing
  std::uint16_t default_vlan = 0;                             // of a bridge: the VID that a new port gets; 0: none
  std::optional<VlanInfo> vlan;
  std::optional<BondInfo> bond;
  bool without_ipv6 = false;  // addr_gen_mode none: no link-local address of its own
  std::optional<TunInfo> tun;
  bool up() const;      // IFF_UP: administrative, never carrier
  bool in_use() const;  // IFF_LOWER_UP: of a TAP, somebody has it open
};

// By name, an alternative name too: compare LinkInfo::name when that matters. nullopt: there is none.
std::optional<LinkInfo> get_link(Socket& socket, const net::IfName& name);
std::optional<LinkInfo> get_link(Socket& socket, std::uint32_t index);
// Its ifindex alone, without RTM_GETLINK's answer of 1.5 KB, most of which nobody wants. For links that are expected to be there: of one that
// is not, a kernel with modules asks modprobe for it.
std::optional<std::uint32_t> link_index(Socket& socket, const net::IfName& name);
// The other end of a veth, wherever it is. nullopt: it is gone.
std::optional<LinkInfo> get_peer(Socket& socket, const LinkInfo& veth);
// This namespace's number for another one, as LinkInfo::peer_netns has it. nullopt: it has given it none, so no link here leads there.
std::optional<std::int32_t> netns_number(Socket& socket, const base::Fd& netns);
// `master`: only the ports of that bridge; 0: all links of the namespace. A dump: of the host's namespace never on the ADD and DEL path.
std::vector<LinkInfo> dump_links(Socket& socket, std::uint32_t master = 0);
// One message of the kernel; nullopt when it is none about a link.
std::optional<LinkInfo> read_link(const nlmsghdr& message);

constexpr std::size_t kAliasMax = 255;           // longer aliases are cut: the kernel refuses them
constexpr std::uint32_t kBridgeBirthMtu = 1499;  // see add_bridge()

// Requests. Building needs no socket.

// RTM_NEWLINK, exclusive: name, MAC and group in the creating message, down. The MTU is *not* bridge.mtu yet: in a
// later send (this one may be refused with EEXIST, and then the bridge is not ours to change) call set_link() with it,
// so that the kernel counts the MTU as set by the user; otherwise it follows the smallest port.
void add_bridge(Batch& batch, const plan::Bridge& bridge);
// Changes what is given of an existing link (ENODEV otherwise).
void set_link(Batch& batch, const net::IfName& name, std::optional<std::uint32_t> mtu, const net::Mac* mac,
              std::optional<std::uint32_t> group, std::optional<std::string> alias);
// `peer_netns`: a descriptor of the pod's namespace, open when the batch is sent. Everything in one message, both ends
// down; the alias is not honoured at creation and takes a set_link().
void add_veth(Batch& batch, const plan::Veth& veth, std::uint32_t master_index, int peer_netns);
// The pseudo link that a pod's egress is limited on, down. EEXIST: the name is taken; EOPNOTSUPP: the kernel has no ifb. What cannot be told
// at creation, and a foreign hand may have changed, comes by dress_ifb(): alias, no IPv6 (it would speak there to nobody).
void add_ifb(Batch& batch, const plan::Shape& shape);
void dress_ifb(Batch& batch, const plan::Shape& shape);
// Two requests: slave data; addr_gen_mode none. `again`: a port that somebody stopped passes frames again.
void set_port(Batch& batch, const plan::Port& port, bool again = false);
// Stops a bridge port from passing frames, at once and until it is deleted. A link that is no port, down or gone is
// silent already.
void silence_port(Batch& batch, const net::IfName& name);
// Takes back what set_port() said, on a port that stays. One that is gone is passed over.
void free_port(Batch& batch, const net::IfName& name, const plan::PortFlags& was);
// An uplink that is a port: it passes and floods everything, learns and is neither isolated nor locked.
void open_uplink(Batch& batch, const net::IfName& nic);
// A physical NIC (or a bond) becomes a port of that bridge and goes up.
void set_uplink(Batch& batch, const net::IfName& nic, std::uint32_t master_index);
// What a bridge that is there lacks of `wanted`: filtering (EOPNOTSUPP: the kernel was built without), snooping; no spanning tree, with which a
// new port would be silent for 30 s.
void change_bridge(Batch& batch, const plan::Bridge& wanted, const LinkInfo& there);
void set_master(Batch& batch, const net::IfName& name, std::uint32_t master_index);  // 0: no port any more
// No link-local address from now on (addr_gen_mode none). A kernel without IPv6 has none anyway.
void keep_ipv6_off(Batch& batch, const net::IfName& name);
void set_up(Batch& batch, const net::IfName& name);
void set_down(Batch& batch, const net::IfName& name);
void delete_link(Batch& batch, std::uint32_t index, const std::string& name);  // ENODEV is accepted
void delete_group(Batch& batch,
                  std::uint32_t group);  // all links of the group at once; ENODEV is accepted; 0: Error{bug}

}  // namespace trestle::kernel
