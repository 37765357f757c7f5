#pragma once
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// nullopt: there is none. Throws Error{bad_config} or {unsupported_field} with the path.
std::optional<Overlay> parse_overlay(const cni::Field& conf);
// Together with the rest of the NIC. Throws Error{bad_config}.
void check_overlay(const cni::Field& conf, const NetConf& out);

}  // namespace trestle::config
