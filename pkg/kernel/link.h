#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "net/ifname.h"
#include "net/mac.h"
#include "plan/step.h"

namespace trestle::kernel {

// What the kernel says of one link. An ifindex lives in pkg/kernel and pkg/engine's running call only; it is never stored.
struct LinkInfo {
  std::uint32_t index = 0;
  std::string name, kind, alias;        // kind: "bridge", "veth", "" for a physical NIC
  std::string port_kind;                // IFLA_INFO_SLAVE_KIND: "bridge" when it is a port
  std::uint32_t flags = 0, mtu = 0, group = 0;
  std::uint32_t master = 0;             // ifindex, 0 without
  std::uint32_t peer = 0;               // IFLA_LINK of a veth: the other end's ifindex in its own namespace
  std::optional<net::Mac> mac;
  bool hairpin = false, isolated = false, guard = false;   // of a bridge port
  bool up() const;                      // IFF_UP: administrative, never carrier
};

std::optional<LinkInfo> get_link(Socket& socket, const net::IfName& name);
std::optional<LinkInfo> get_link(Socket& socket, std::uint32_t index);
std::vector<LinkInfo> dump_links(Socket& socket);

// Requests. Building needs no socket.
void add_bridge(Batch& batch, const plan::Bridge& bridge);          // RTM_NEWLINK, exclusive: mac, group in the creating message
void set_link(Batch& batch, const net::IfName& name, std::optional<std::uint32_t> mtu, const net::Mac* mac,
              std::optional<std::uint32_t> group, std::optional<std::string> alias);
// `peer_netns`: a descriptor of the pod's namespace, open when the batch is sent. Everything in one message, both ends down.
void add_veth(Batch& batch, const plan::Veth& veth, std::uint32_t master_index, int peer_netns);
void set_port(Batch& batch, const plan::Port& port);                // slave data + addr_gen_mode none
void set_up(Batch& batch, const net::IfName& name);
void delete_link(Batch& batch, std::uint32_t index, const std::string& name);   // ENODEV is accepted
void delete_group(Batch& batch, std::uint32_t group);               // all links of the group at once; ENODEV is accepted

}  // namespace trestle::kernel
