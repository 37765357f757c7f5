#pragma once
// The keys that speak of the switch and of the pod's port on it.
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// Throw Error{bad_config} with the path.
net::IfName parse_bridge(const cni::Field& field);
HostAccess parse_host_access(const cni::Field& field);
// uplink, vlan, vlanTrunk, allowedMACs, allowedAddresses, each by itself.
void parse_switch(const cni::Field& conf, NetConf& out);

}  // namespace trestle::config
