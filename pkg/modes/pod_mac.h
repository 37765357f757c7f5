#pragma once
// The MAC of an attachment that nobody asked for one for.
#include <optional>
#include <vector>

#include "config/netconf.h"
#include "net/vm_identity.h"
#include "plan/facts.h"

namespace trestle::modes {

// The VM whose NIC it is; nullopt: no VM's.
std::optional<net::VmNic> vm_nic(const config::NetConf& conf, const net::IfName& nic);

// Of a VM: its own, whatever its address. Else by the first address, so that an address used again keeps its MAC; without one by the
// attachment. A requested one first of all.
net::Mac pod_mac(const config::NetConf& conf, const net::Owner& owner, const net::IfName& nic,
                 const std::vector<plan::LeasedIp>& ips);

}  // namespace trestle::modes
