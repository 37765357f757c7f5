#pragma once
// Addresses: the short form `subnets`, or `ipam` with host-local's keys, and the runtime's ranges before both.
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// Of the whole configuration. Empty ranges when it speaks of none. Throws Error{bad_config} with the path: both forms
// together, subnets that no pod may have (loopback, multicast …), overlaps, routes of a family without addresses;
// Error{unsupported_field}: unknown keys, another `ipam.type`.
IpamConf parse_ipam(const cni::Field& conf);

// "10.88.0.2" (host length: no prefix asked) or "10.88.0.2/16". Throws Error{bad_config} with the path.
net::Cidr parse_request(const cni::Field& field);

}  // namespace trestle::config
