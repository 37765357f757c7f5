#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_bonding.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "kernel/attrs.h"
#include "kernel/link.h"

namespace trestle::kernel {

namespace {

// By BOND_MODE_*, as the kernel's own sysfs has them.
constexpr const char* kBondModes[] = {"balance-rr", "active-backup", "balance-xor", "broadcast",
                                      "802.3ad",    "balance-tlb",   "balance-alb"};

Batch ask(std::uint32_t index, std::uint16_t flags, const std::string& label) {
  Batch batch;
  static_cast<ifinfomsg*>(batch.begin(RTM_GETLINK, flags, sizeof(ifinfomsg), label))->ifi_index =
      static_cast<int>(index);
  batch.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return batch;
}

std::optional<LinkInfo> answer(Socket& socket, Batch& batch) {
  const auto message = socket.get(batch);
  if (!message) return std::nullopt;
  return read_link(*reinterpret_cast<const nlmsghdr*>(message->data()));
}

}  // namespace

bool LinkInfo::up() const { return (flags & IFF_UP) != 0; }

bool LinkInfo::in_use() const { return (flags & IFF_LOWER_UP) != 0; }

std::optional<LinkInfo> read_link(const nlmsghdr& message) {
  const auto header = header_of<ifinfomsg>(message);
  if (!header || message.nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const Attrs attrs = Attrs::of(message, sizeof(ifinfomsg));
  LinkInfo link;
  link.index = static_cast<std::uint32_t>(header->ifi_index);
  link.flags = header->ifi_flags;
  link.name = attrs.text(IFLA_IFNAME);
  link.alias = attrs.text(IFLA_IFALIAS);
  link.mtu = attrs.u32(IFLA_MTU).value_or(0);
  link.group = attrs.u32(IFLA_GROUP).value_or(0);
  link.master = attrs.u32(IFLA_MASTER).value_or(0);
  link.carrier_noticed = attrs.u8(IFLA_OPERSTATE) == IF_OPER_UP;
  if (const auto mac = attrs.view(IFLA_ADDRESS); mac && mac->size() == 6)
    std::memcpy(link.mac.emplace().bytes.data(), mac->data(), mac->size());
  const Attrs info = attrs.nest(IFLA_LINKINFO);
  link.kind = info.text(IFLA_INFO_KIND);
  if (link.kind == "veth") link.peer = attrs.u32(IFLA_LINK).value_or(0);
  if (const auto id = attrs.u32(IFLA_LINK_NETNSID); id && link.kind == "veth")
    link.peer_netns = static_cast<std::int32_t>(*id);
  link.port_kind = info.text(IFLA_INFO_SLAVE_KIND);
  if (link.port_kind == "bridge") {
    const Attrs port = info.nest(IFLA_INFO_SLAVE_DATA);
    link.hairpin = port.u8(IFLA_BRPORT_MODE).value_or(0) != 0;
    link.isolated = port.u8(IFLA_BRPORT_ISOLATED).value_or(0) != 0;
    link.guard = port.u8(IFLA_BRPORT_GUARD).value_or(0) != 0;
    link.learning = port.u8(IFLA_BRPORT_LEARNING).value_or(1) != 0;
    for (const std::uint16_t flood : {IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD})
      link.flood = link.flood && port.u8(flood).value_or(1) != 0;
    link.disabled = port.u8(IFLA_BRPORT_STATE).value_or(BR_STATE_FORWARDING) == BR_STATE_DISABLED;
    if (const auto locked = port.u8(IFLA_BRPORT_LOCKED)) link.locked = *locked != 0;
  }
  if (link.kind == "bridge") {
    const Attrs bridge = info.nest(IFLA_INFO_DATA);
    link.vlan_filtering = bridge.u8(IFLA_BR_VLAN_FILTERING).value_or(0) != 0;
    link.stp = bridge.u32(IFLA_BR_STP_STATE).value_or(0) != 0;
    link.snooping = bridge.u8(IFLA_BR_MCAST_SNOOPING).value_or(1) != 0;
    link.default_vlan = bridge.u16(IFLA_BR_VLAN_DEFAULT_PVID).value_or(0);
  }
  if (link.kind == "vlan") {
    const Attrs vlan = info.nest(IFLA_INFO_DATA);
    link.vlan = VlanInfo{attrs.u32(IFLA_LINK).value_or(0), vlan.u16(IFLA_VLAN_ID).value_or(0),
                         vlan.u16(IFLA_VLAN_PROTOCOL) == htons(ETH_P_8021AD)};
  }
  if (link.kind == "bond") {
    const Attrs bond = info.nest(IFLA_INFO_DATA);
    const std::uint8_t mode = bond.u8(IFLA_BOND_MODE).value_or(0);
    link.bond =
        BondInfo{mode < std::size(kBondModes) ? kBondModes[mode] : "?",
                 bond.u32(IFLA_BOND_MIIMON).value_or(0) != 0 || bond.u32(IFLA_BOND_ARP_INTERVAL).value_or(0) != 0};
  }
  if (link.kind == "tun") {
    const Attrs tun = info.nest(IFLA_INFO_DATA);
    link.tun = TunInfo{tun.u8(IFLA_TUN_TYPE) == IFF_TAP, tun.u8(IFLA_TUN_PERSIST).value_or(0) != 0,
                       tun.u8(IFLA_TUN_MULTI_QUEUE).value_or(0) != 0, tun.u32(IFLA_TUN_OWNER), tun.u32(IFLA_TUN_GROUP)};
  }
  const Attrs families = attrs.nest(IFLA_AF_SPEC);  // no AF_INET6 in it: a kernel without, or a link too small for it
  link.without_ipv6 =
      !families.has(AF_INET6) || families.nest(AF_INET6).u8(IFLA_INET6_ADDR_GEN_MODE) == IN6_ADDR_GEN_MODE_NONE;
  return link;
}

std::optional<LinkInfo> get_link(Socket& socket, const net::IfName& name) {
  Batch batch = ask(0, 0, "look up link " + name.str());
  batch.put_text(IFLA_IFNAME, name.str());
  return answer(socket, batch);
}

std::optional<LinkInfo> get_link(Socket& socket, std::uint32_t index) {
  if (index == 0) return std::nullopt;
  Batch batch = ask(index, 0, "look up link number " + std::to_string(index));
  return answer(socket, batch);
}

std::optional<std::uint32_t> link_index(Socket& socket, const net::IfName& name) {
  ifreq request{};
  name.str().copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (::ioctl(socket.fd(), SIOCGIFINDEX, &request) == 0) return static_cast<std::uint32_t>(request.ifr_ifindex);
  if (errno == ENODEV) return std::nullopt;
  base::throw_errno(errno, "look up link " + name.str());
}

std::optional<LinkInfo> get_peer(Socket& socket, const LinkInfo& veth) {
  if (veth.peer == 0) return std::nullopt;
  Batch batch = ask(veth.peer, 0, "look up the other end of " + veth.name);
  if (veth.peer_netns) batch.put_u32(IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(*veth.peer_netns));
  for (const int gone : {EINVAL, ENONET}) batch.accept(gone);  // the namespace is on its way out
  return answer(socket, batch);
}

std::optional<std::int32_t> netns_number(Socket& socket, const base::Fd& netns) {
  Batch batch;
  batch.begin(RTM_GETNSID, 0, sizeof(rtgenmsg), "look up the number of a namespace");
  batch.put_u32(NETNSA_FD, static_cast<std::uint32_t>(netns.get()));
  const auto message = socket.get(batch);
  if (!message) return std::nullopt;
  const Attrs attrs = Attrs::of(*reinterpret_cast<const nlmsghdr*>(message->data()), sizeof(rtgenmsg));
  const auto number = static_cast<std::int32_t>(attrs.u32(NETNSA_NSID).value_or(NETNSA_NSID_NOT_ASSIGNED));
  return number < 0 ? std::nullopt : std::optional(number);
}

std::vector<LinkInfo> dump_links(Socket& socket, std::uint32_t master) {
  Batch batch = ask(0, NLM_F_DUMP, "list links");
  if (master != 0) batch.put_u32(IFLA_MASTER, master);
  std::vector<LinkInfo> links;
  socket.dump(
      batch, [&] { links.clear(); },
      [&](const nlmsghdr& message) {
        auto link = read_link(message);
        if (link && (master == 0 || link->master == master)) links.push_back(std::move(*link));
      });
  return links;
}

}  // namespace trestle::kernel
