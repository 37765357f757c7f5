#pragma once
// What a tunnel's peers ask of the kernel, as Steps. Pure: a control plane turns its source into peers and knows nothing of it.
#include <vector>

#include "config/netconf.h"
#include "plan/step.h"

namespace trestle::overlay {

// Of all peers, in the order in which they are made. Layer 2: where frames for everybody go. Layer 3: per peer one FDB entry, one neighbour, one
// next hop, its routes; next hops carry both families. Empty for the control planes that need no list. `conf.overlay->here` is set.
std::vector<plan::Step> desired(const config::NetConf& conf);
// What the kernel may have and `wanted` has not, newest first; and the other way round, in its order.
struct Difference {
  std::vector<plan::Step> gone, fresh;
};
Difference difference(const std::vector<plan::Step>& there, const std::vector<plan::Step>& wanted);

}  // namespace trestle::overlay
