#pragma once
#include <string>

#include "config/netconf.h"
#include "net/ifname.h"

namespace trestle::modes {

// What all switches share: the two tables, their maps, base chains and the guard of the ports (reliability.md 4.2).
std::string tables_text();
// The chains and sets of one `nat` switch.
std::string nat_text(const net::IfName& bridge, const config::HostAccess& host_access);

}  // namespace trestle::modes
