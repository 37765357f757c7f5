#pragma once
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// What keys say together, and what a mode wants or cannot have (DESIGN sections 5 and 6). Throws Error{bad_config} with what to do.
void check_together(const cni::Field& conf, const NetConf& out);

}  // namespace trestle::config
