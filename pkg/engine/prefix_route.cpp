#include "engine/prefix_route.h"

#include "kernel/route.h"

namespace trestle::engine {

bool leads_by(Context& context, const plan::Address& address) {
  const net::Cidr& cidr = address.cidr;
  net::Ip other = cidr.first();  // the host's own address is local, whatever becomes of the route
  if (cidr.length + 1 < cidr.ip.bits()) ++other.value;
  if (other == cidr.ip) ++other.value;
  return kernel::link_towards(context.route(), other) == context.index(address.link);
}

}  // namespace trestle::engine
