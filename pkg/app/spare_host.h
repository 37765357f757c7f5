#pragma once
#include "app/session.h"
#include "config/netconf.h"

namespace trestle::app {

// Where pods are in the host's own LAN, its addresses are left out of their pools: one was leased, and the pod spoke as the host.
void spare_host(Session& session, config::NetConf& conf);

}  // namespace trestle::app
