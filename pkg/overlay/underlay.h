#pragma once
// Where tunnel packets leave this node from.
#include <cstdint>
#include <string>
#include <vector>

#include "config/netconf.h"
#include "engine/context.h"
#include "kernel/address.h"
#include "kernel/link.h"

namespace trestle::overlay {

struct Underlay {
  net::Ip address;
  kernel::LinkInfo link;
  std::vector<kernel::HeldAddress> held;  // all of the link's
};

// As `overlay.local` says, among the links that are no tunnel themselves. Throws Error{bad_config}: there is none.
Underlay find_underlay(engine::Context& context, const config::NetConf& conf, const std::vector<config::Peer>& peers);

// What the path begins with: the link's MTU, or that of the links towards the first peers. `here.others` is set.
std::uint32_t carried_by(kernel::Socket& host, const kernel::LinkInfo& link, const config::Here& here);

bool usable(const net::Cidr& cidr);                // for a tunnel's end: neither loopback nor link-local
std::string subject(const config::NetConf& conf);  // of errors: "overlay of network 'x'"

}  // namespace trestle::overlay
