#include "kernel/vxlan.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/error.h"
#include "kernel/attrs.h"
#include "kernel/link.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

void put_local(Batch& batch, const net::Ip& local) {
  batch.put(local.family == net::Family::v4 ? std::uint16_t{IFLA_VXLAN_LOCAL} : std::uint16_t{IFLA_VXLAN_LOCAL6},
            local.bytes());
}

void put_port(Batch& batch, std::uint16_t port) {
  const std::uint16_t wire = htons(port);
  batch.put(IFLA_VXLAN_PORT, &wire, sizeof wire);
}

std::optional<net::Ip> address_of(const Attrs& attrs, std::uint16_t v4, std::uint16_t v6) {
  for (const std::uint16_t type : {v4, v6})
    if (const auto bytes = attrs.view(type); bytes && (bytes->size() == 4 || bytes->size() == 16))
      return net::Ip::from_bytes(*bytes);
  return std::nullopt;
}

std::uint32_t ethtool(Socket& socket, const net::IfName& link, std::uint32_t command, std::uint32_t value) {
  ethtool_value asked{command, value};
  ifreq request{};
  link.str().copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&asked);
  if (::ioctl(socket.fd(), SIOCETHTOOL, &request) != 0) base::throw_errno(errno, link.str() + ": checksum offload");
  return asked.data;
}

// Without one the kernel would never age out what it learned.
constexpr std::uint32_t kAgeing = 300;  // seconds

}  // namespace

void add_vxlan(Batch& batch, const plan::Vxlan& vxlan, std::uint32_t master_index, std::uint32_t underlay_index) {
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(ifinfomsg), plan::describe(vxlan));
  batch.put_text(IFLA_IFNAME, vxlan.link.str());
  batch.put(IFLA_ADDRESS, vxlan.mac.bytes.data(), vxlan.mac.bytes.size());
  batch.put_u32(IFLA_GROUP, vxlan.group);
  batch.put_u32(IFLA_MTU, vxlan.mtu);
  if (master_index != 0) batch.put_u32(IFLA_MASTER, master_index);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "vxlan");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  batch.put_u32(IFLA_VXLAN_ID, vxlan.vni);
  put_port(batch, vxlan.port);
  put_local(batch, vxlan.local);
  batch.put_u8(IFLA_VXLAN_LEARNING, vxlan.learning ? 1 : 0);
  if (vxlan.learning) batch.put_u32(IFLA_VXLAN_AGEING, kAgeing);
  if (vxlan.multicast) {
    batch.put(
        vxlan.multicast->family == net::Family::v4 ? std::uint16_t{IFLA_VXLAN_GROUP} : std::uint16_t{IFLA_VXLAN_GROUP6},
        vxlan.multicast->bytes());
    batch.put_u32(IFLA_VXLAN_LINK, underlay_index);
  }
  batch.close_nest(data);
  batch.close_nest(info);
}

void dress_vxlan(Batch& batch, const plan::Vxlan& vxlan) {
  set_link(batch, vxlan.link, vxlan.mtu, nullptr, vxlan.group, std::nullopt);
  if (vxlan.master) {
    keep_ipv6_off(batch, vxlan.link);
    batch.begin(RTM_NEWLINK, 0, sizeof(ifinfomsg), vxlan.link.str() + ": set bridge port flags");  // as set_port()
    batch.put_text(IFLA_IFNAME, vxlan.link.str());
    const std::size_t info = batch.open_nest(IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
    const std::size_t port = batch.open_nest(IFLA_INFO_SLAVE_DATA);
    // The switch learns which stations are behind the tunnel; with suppression it answers for those that it was told of.
    batch.put_u8(IFLA_BRPORT_NEIGH_SUPPRESS, vxlan.multicast ? 0 : 1);
    batch.put_u8(IFLA_BRPORT_LEARNING, vxlan.told ? 0 : 1);
    batch.put_u8(IFLA_BRPORT_ISOLATED, vxlan.isolated ? 1 : 0);
    batch.close_nest(port);
    batch.close_nest(info);
  }
  set_up(batch, vxlan.link);
}

void move_vxlan(Batch& batch, const net::IfName& link, const net::Ip& local, const net::Mac& mac) {
  batch.begin(RTM_NEWLINK, 0, sizeof(ifinfomsg), link.str() + ": tunnel from " + local.str());
  batch.put_text(IFLA_IFNAME, link.str());
  batch.put(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size());
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "vxlan");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  put_local(batch, local);
  batch.close_nest(data);
  batch.close_nest(info);
}

void set_tx_checksum(Socket& socket, const net::IfName& link, bool on) {
  ethtool(socket, link, ETHTOOL_STXCSUM, on ? 1 : 0);
}

bool has_tx_checksum(Socket& socket, const net::IfName& link) { return ethtool(socket, link, ETHTOOL_GTXCSUM, 0) != 0; }

std::optional<VxlanInfo> get_vxlan(Socket& socket, const net::IfName& link) {
  Batch batch;
  batch.begin(RTM_GETLINK, 0, sizeof(ifinfomsg), "look up link " + link.str());
  batch.put_text(IFLA_IFNAME, link.str());
  const auto answer = socket.get(batch);
  if (!answer) return std::nullopt;
  const Attrs info =
      Attrs::of(*reinterpret_cast<const nlmsghdr*>(answer->data()), sizeof(ifinfomsg)).nest(IFLA_LINKINFO);
  if (info.text(IFLA_INFO_KIND) != "vxlan") return std::nullopt;
  const Attrs data = info.nest(IFLA_INFO_DATA);
  VxlanInfo out;
  out.vni = data.u32(IFLA_VXLAN_ID).value_or(0);
  if (const auto wire = data.view(IFLA_VXLAN_PORT); wire && wire->size() == 2)
    out.port = static_cast<std::uint16_t>((static_cast<std::uint8_t>((*wire)[0]) << 8) |
                                          static_cast<std::uint8_t>((*wire)[1]));
  out.local = address_of(data, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6);
  out.multicast = address_of(data, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6);
  out.learning = data.u8(IFLA_VXLAN_LEARNING).value_or(0) != 0;
  out.suppress = info.nest(IFLA_INFO_SLAVE_DATA).u8(IFLA_BRPORT_NEIGH_SUPPRESS).value_or(0) != 0;
  return out;
}

}  // namespace trestle::kernel
