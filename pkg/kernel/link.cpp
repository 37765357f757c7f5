#include "kernel/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>

namespace trestle::kernel {

namespace {

ifinfomsg* begin_link(Batch& batch, std::uint16_t type, std::uint16_t flags, const std::string& name,
                      const char* deed) {
  return static_cast<ifinfomsg*>(batch.begin(type, flags, sizeof(ifinfomsg), "link " + name + ": " + deed));
}

void put_mac(Batch& batch, const net::Mac& mac) { batch.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size()); }

}  // namespace

void add_bridge(Batch& batch, const plan::Bridge& bridge) {
  begin_link(
      batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, bridge.link.str(),
      bridge.vlan_filtering ? "create bridge that filters VLANs (CONFIG_BRIDGE_VLAN_FILTERING)" : "create bridge");
  batch.put_text(IFLA_IFNAME, bridge.link.str());
  // Not later: a bridge without a MAC of its own takes the lowest of its ports', and udev gives it one (reliability.md
  // 40).
  put_mac(batch, bridge.mac);
  batch.put_u32(IFLA_GROUP, bridge.group);
  // Another value than the wanted one: only a later *change* counts as the user's, and without that the MTU follows the
  // ports.
  batch.put_u32(IFLA_MTU, bridge.mtu == kBridgeBirthMtu ? kBridgeBirthMtu + 1 : kBridgeBirthMtu);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "bridge");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  if (bridge.vlan_filtering) batch.put_u8(IFLA_BR_VLAN_FILTERING, 1);
  batch.put_u8(IFLA_BR_MCAST_SNOOPING, bridge.snooping ? 1 : 0);
  batch.close_nest(data);
  batch.close_nest(info);
}

void change_bridge(Batch& batch, const plan::Bridge& wanted, const LinkInfo& there) {
  // A message each: its label is the error's.
  const auto change = [&](const char* deed, auto&& put) {
    begin_link(batch, RTM_NEWLINK, 0, wanted.link.str(), deed);
    batch.put_text(IFLA_IFNAME, wanted.link.str());
    const std::size_t info = batch.open_nest(IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_KIND, "bridge");
    const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
    put();
    batch.close_nest(data);
    batch.close_nest(info);
  };
  if (wanted.vlan_filtering && !there.vlan_filtering)
    change("filter VLANs", [&] { batch.put_u8(IFLA_BR_VLAN_FILTERING, 1); });
  if (wanted.snooping && !there.snooping) change("snoop multicast", [&] { batch.put_u8(IFLA_BR_MCAST_SNOOPING, 1); });
  if (there.stp) change("switch the spanning tree off", [&] { batch.put_u32(IFLA_BR_STP_STATE, 0); });
}

void set_link(Batch& batch, const net::IfName& name, std::optional<std::uint32_t> mtu, const net::Mac* mac,
              std::optional<std::uint32_t> group, std::optional<std::string> alias) {
  // RTM_SETLINK: before Linux 5.18 an RTM_NEWLINK with a group and an unknown name changed all links of that group.
  begin_link(batch, RTM_SETLINK, 0, name.str(), "change");
  batch.put_text(IFLA_IFNAME, name.str());
  if (mtu) batch.put_u32(IFLA_MTU, *mtu);
  if (mac != nullptr) put_mac(batch, *mac);
  if (group) batch.put_u32(IFLA_GROUP, *group);
  if (alias) batch.put(IFLA_IFALIAS, std::string_view(*alias).substr(0, kAliasMax));
}

void add_veth(Batch& batch, const plan::Veth& veth, std::uint32_t master_index, int peer_netns) {
  begin_link(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, veth.host.str(), "create veth");
  batch.put_text(IFLA_IFNAME, veth.host.str());
  put_mac(batch, veth.host_mac);
  batch.put_u32(IFLA_MTU, veth.mtu);
  batch.put_u32(IFLA_MASTER, master_index);
  batch.put_u32(IFLA_GROUP, veth.group);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "veth");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  const std::size_t peer = batch.open_nest(VETH_INFO_PEER);
  const ifinfomsg down{};  // a peer that is born up is refused with ENOTCONN: the pair is not joined yet
  batch.append(&down, sizeof down);
  // No group here: a Trestle inside the pod (a nested cluster) would take its own eth0 for a link that it has to sweep.
  batch.put_text(IFLA_IFNAME, veth.pod.str());
  put_mac(batch, veth.pod_mac);
  batch.put_u32(IFLA_MTU, veth.mtu);
  batch.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_netns));
  batch.close_nest(peer);
  batch.close_nest(data);
  batch.close_nest(info);
}

void add_ifb(Batch& batch, const plan::Shape& shape) {
  begin_link(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, shape.ifb.str(), "create ifb");
  batch.put_text(IFLA_IFNAME, shape.ifb.str());
  batch.put_u32(IFLA_MTU, shape.mtu);
  batch.put_u32(IFLA_GROUP, shape.group);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "ifb");
  batch.close_nest(info);
}

void dress_ifb(Batch& batch, const plan::Shape& shape) {
  set_link(batch, shape.ifb, shape.mtu, nullptr, shape.group, shape.alias);
  keep_ipv6_off(batch, shape.ifb);
}

namespace {

void put_state(Batch& batch, const net::IfName& name, const char* deed, std::uint8_t state) {
  begin_link(batch, RTM_NEWLINK, 0, name.str(), deed);
  batch.put_text(IFLA_IFNAME, name.str());
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
  const std::size_t data = batch.open_nest(IFLA_INFO_SLAVE_DATA);
  batch.put_u8(IFLA_BRPORT_STATE, state);
  batch.close_nest(data);
  batch.close_nest(info);
  // A link that is no port, down or gone passes nothing; with STP the state is the bridge's to say.
  for (const int no_port : {ENETDOWN, ENODEV, EOPNOTSUPP, state == BR_STATE_DISABLED ? EINVAL : EBUSY})
    batch.accept(no_port);
}

void put_flags(Batch& batch, const plan::Port& port) {
  const std::string& name = port.link.str();
  // In a message of its own: the creating one ignores port flags without a word, and RTM_SETLINK ignores IFLA_LINKINFO.
  begin_link(batch, RTM_NEWLINK, 0, name, "set bridge port flags");
  batch.put_text(IFLA_IFNAME, name);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
  const std::size_t data = batch.open_nest(IFLA_INFO_SLAVE_DATA);
  batch.put_u8(IFLA_BRPORT_MODE, port.hairpin ? 1 : 0);
  batch.put_u8(IFLA_BRPORT_ISOLATED, port.isolated ? 1 : 0);
  batch.put_u8(IFLA_BRPORT_GUARD, port.guard ? 1 : 0);
  batch.put_u8(IFLA_BRPORT_LEARNING, !port.locked && (!port.was || port.was->learning) ? 1 : 0);
  if (!port.was)
    for (const std::uint16_t flood : {IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD})
      batch.put_u8(flood, 1);
  batch.put_u8(IFLA_BRPORT_LOCKED, port.locked ? 1 : 0);  // a kernel before 5.18 passes over it
  batch.close_nest(data);
  batch.close_nest(info);
}

}  // namespace

void set_port(Batch& batch, const plan::Port& port, bool again) {
  put_flags(batch, port);
  if (!port.was) keep_ipv6_off(batch, port.link);
  if (!again) return;
  put_state(batch, port.link, "open bridge port", BR_STATE_FORWARDING);
}

void open_uplink(Batch& batch, const net::IfName& nic) {
  put_flags(batch, plan::Port{nic});
  put_state(batch, nic, "open bridge port", BR_STATE_FORWARDING);
}

void keep_ipv6_off(Batch& batch, const net::IfName& name) {
  begin_link(batch, RTM_SETLINK, 0, name.str(), "keep IPv6 off");
  batch.put_text(IFLA_IFNAME, name.str());
  const std::size_t families = batch.open_nest(IFLA_AF_SPEC);
  const std::size_t inet6 = batch.open_nest(AF_INET6);
  batch.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  batch.close_nest(inet6);
  batch.close_nest(families);
  batch.accept(EAFNOSUPPORT);  // a kernel without IPv6, or a link too small for it (MTU < 1280): off already
}

void silence_port(Batch& batch, const net::IfName& name) {
  put_state(batch, name, "silence bridge port", BR_STATE_DISABLED);
}

void free_port(Batch& batch, const net::IfName& name, const plan::PortFlags& was) {
  begin_link(batch, RTM_NEWLINK, 0, name.str(), "free bridge port");
  batch.put_text(IFLA_IFNAME, name.str());
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
  const std::size_t data = batch.open_nest(IFLA_INFO_SLAVE_DATA);
  for (const std::uint16_t flag : {IFLA_BRPORT_GUARD, IFLA_BRPORT_LOCKED}) batch.put_u8(flag, 0);
  batch.put_u8(IFLA_BRPORT_ISOLATED, was.isolated ? 1 : 0);
  batch.put_u8(IFLA_BRPORT_MODE, was.hairpin ? 1 : 0);
  batch.put_u8(IFLA_BRPORT_LEARNING, was.learning ? 1 : 0);
  batch.close_nest(data);
  batch.close_nest(info);
  for (const int absent : {ENODEV, EOPNOTSUPP, EINVAL}) batch.accept(absent);
}

void set_master(Batch& batch, const net::IfName& name, std::uint32_t master_index) {
  begin_link(batch, RTM_SETLINK, 0, name.str(), "make it a bridge port");
  batch.put_text(IFLA_IFNAME, name.str());
  batch.put_u32(IFLA_MASTER, master_index);
}

void set_uplink(Batch& batch, const net::IfName& nic, std::uint32_t master_index) {
  set_master(batch, nic, master_index);
  set_up(batch, nic);
}

void set_up(Batch& batch, const net::IfName& name) {
  ifinfomsg* header = begin_link(batch, RTM_SETLINK, 0, name.str(), "set up");
  header->ifi_flags = header->ifi_change = IFF_UP;
  batch.put_text(IFLA_IFNAME, name.str());
}

void set_down(Batch& batch, const net::IfName& name) {
  begin_link(batch, RTM_SETLINK, 0, name.str(), "set down")->ifi_change = IFF_UP;
  batch.put_text(IFLA_IFNAME, name.str());
}

void delete_link(Batch& batch, std::uint32_t index, const std::string& name) {
  begin_link(batch, RTM_DELLINK, 0, name, "delete")->ifi_index = static_cast<int>(index);
  batch.accept(ENODEV);
}

void delete_group(Batch& batch, std::uint32_t group) {
  if (group == 0) throw base::Error(base::Code::bug, "group 0 holds every link of the host");
  begin_link(batch, RTM_DELLINK, 0, "group " + std::to_string(group), "delete");
  batch.put_u32(IFLA_GROUP, group);
  batch.accept(ENODEV);
}

}  // namespace trestle::kernel
