#include "engine/prefix_route.h"

#include "kernel/route.h"

namespace trestle::engine {

bool leads_by(Context& context, const plan::Address& address) {
  const net::Cidr& cidr = address.cidr;
  net::Ip other = cidr.first();
  if (cidr.length + 1 < cidr.ip.bits()) ++other.value;
  constexpr int kTries = 3;  // two may be the host's own: local, whatever becomes of it
  for (int i = 0; i < kTries && cidr.contains(other); ++i, ++other.value)
    if (kernel::link_towards(context.route(), other) == context.index(address.link)) return true;
  return false;
}

}  // namespace trestle::engine
