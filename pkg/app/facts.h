#pragma once
#include "app/session.h"
#include "config/netconf.h"
#include "plan/facts.h"

namespace trestle::app {

// Reads what planning this network's switch needs to know of the host; changes nothing. Throws Error{bad_config} for an uplink or a
// bridge that the host does not have, and for an uplink with addresses of the host's unless `takeAddresses` moves them.
plan::Facts fresh_facts(Session& session, const config::NetConf& conf);

// The Facts for planning on this switch without locks: as kept, else as read now (trestle plan).
plan::Facts current_facts(Session& session, const config::NetConf& conf);

}  // namespace trestle::app
