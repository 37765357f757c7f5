#pragma once
#include "app/session.h"
#include "config/netconf.h"
#include "plan/facts.h"

namespace trestle::app {

// Reads what planning this network's switch needs to know of the host; changes nothing. Throws Error{bad_config} for an uplink or a
// bridge that the host does not have, and for an uplink with addresses of the host's unless `takeAddresses` moves them.
plan::Facts fresh_facts(Session& session, const config::NetConf& conf);

// What may have changed under a living switch since its Facts were kept: the host's own bridge that its pods are ports of (of another MTU by now,
// which new pods get), the NIC that it leaves by. Throws Error{bad_config} when that is gone.
void refresh(Session& session, const config::NetConf& conf, plan::Facts& facts);

// Throws Error{bad_config} when a VLAN interface of the host's takes a VLAN away that `steps` give its uplink.
void refuse_swallowed(Session& session, const config::NetConf& conf, const std::vector<plan::Step>& steps);

// The Facts for planning on this switch without locks: as kept, else as read now (trestle plan).
plan::Facts current_facts(Session& session, const config::NetConf& conf);

}  // namespace trestle::app
