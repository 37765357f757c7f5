#pragma once
#include "app/session.h"
#include "config/netconf.h"
#include "store/store.h"

namespace trestle::app {

// Somebody removed the state directory while pods live on this switch: each of them gets a record again, by what its links, addresses and
// elements tell. Without, the next pods got the same addresses, and the switch went with the first of them. `part`: what is in force on the
// switch. The caller holds the switch exclusively.
void adopt_ports(Session& session, const config::NetConf& conf, const store::PartRef& part);

}  // namespace trestle::app
