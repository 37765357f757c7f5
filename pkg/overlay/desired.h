#pragma once
// What a tunnel's peers ask of the kernel, as Steps. Pure: a control plane turns its source into peers and knows nothing of it.
#include <vector>

#include "config/overlay.h"
#include "plan/step.h"

namespace trestle::overlay {

// Of all peers, in the order in which they are made. Layer 2: where frames for everybody go. Layer 3: per peer one FDB entry, one neighbour, one
// next hop (two where it is reached past the tunnel too), its routes; next hops on IPv6 carry both families. Empty for the control planes
// that need no list. `overlay.here` is set.
std::vector<plan::Step> desired(const config::Overlay& overlay);

// The number of a next hop, where there is one of one past the tunnel; 0: there are none. Those of one link go together.
std::uint32_t a_nexthop(const config::Overlay& overlay);

// What the kernel may have and `wanted` has not, newest first; and the other way round, in its order.
struct Difference {
  std::vector<plan::Step> gone, fresh;
};
Difference difference(const std::vector<plan::Step>& there, const std::vector<plan::Step>& wanted);

// The same from two lists of peers of one tunnel, without a look at those that are as they were. Peers that changed are in both.
struct PeerChange {
  std::vector<config::Peer> gone, fresh;
  Difference steps;
};
PeerChange change(const config::Overlay& before, const config::Overlay& now);

}  // namespace trestle::overlay
