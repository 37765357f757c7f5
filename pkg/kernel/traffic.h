#pragma once
// What passed so far, as the kernel counts it.
#include <cstdint>
#include <optional>

#include "kernel/netlink.h"
#include "net/ifname.h"

namespace trestle::kernel {

struct Traffic {
  std::uint64_t packets = 0, bytes = 0;
};

// Since the link was made. `dropped`: in either direction, errors among them.
struct LinkTraffic {
  Traffic received, sent;
  std::uint64_t dropped = 0;
};
// nullopt: there is no such link.
std::optional<LinkTraffic> link_traffic(Socket& socket, const net::IfName& name);

}  // namespace trestle::kernel
