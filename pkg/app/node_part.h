#pragma once
// Which part of a network's subnet this node has (`ipam.nodeRange`): it must not change under its pods.
#include <vector>

#include "app/session.h"
#include "config/netconf.h"
#include "plan/facts.h"

namespace trestle::app {

// Puts the network's part into the facts. Throws Error{bad_config} when they have another one and pods of the network are here.
void keep_part(Session& session, const config::NetConf& conf, plan::Facts& facts);
// Is nothing to be put there?
bool keeps_parts(const std::vector<config::NetConf>& confs, const plan::Facts& facts);

}  // namespace trestle::app
