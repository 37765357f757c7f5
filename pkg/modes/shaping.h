#pragma once
#include <vector>

#include "config/netconf.h"
#include "plan/step.h"

namespace trestle::modes {

// The limits of the capability "bandwidth" on this pair, on its host end, where the pod cannot take them away. Comes while the pair is down: a
// limit that a link is born with costs nothing, whereas one that is up is stopped for it.
void add_shape(std::vector<plan::Step>& steps, const config::NetConf& conf, const plan::Veth& veth);

}  // namespace trestle::modes
