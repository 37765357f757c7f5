#pragma once
// What the runtime asks for per pod: the capabilities portMappings and bandwidth.
#include <optional>

#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// Fills port_mappings, publishes, ingress and egress. Throws Error{bad_config} with the path.
void parse_capabilities(const cni::Field& conf, const std::optional<cni::Field>& runtime, NetConf& out);

}  // namespace trestle::config
