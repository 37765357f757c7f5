#include "engine/prefix_route.h"

#include "kernel/route.h"

namespace trestle::engine {

std::optional<std::string> prefix_route_defect(Context& context, const plan::Address& address) {
  const net::Cidr& cidr = address.cidr;
  if (address.link.where == plan::Where::pod || cidr.ip.is_link_local() || cidr.length == cidr.ip.bits())
    return std::nullopt;
  net::Ip other = cidr.first();
  if (cidr.length + 1 < cidr.ip.bits()) ++other.value;
  constexpr int kTries = 3;  // two may be the host's own: local, whatever becomes of it
  for (int i = 0; i < kTries && cidr.contains(other); ++i, ++other.value)
    if (kernel::link_towards(context.route(), other) == context.index(address.link)) return std::nullopt;
  return "the host has no route to " + cidr.network().str() + " by this link";
}

}  // namespace trestle::engine
