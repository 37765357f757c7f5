#pragma once
// What keeps a shared part from being made: found before anything is written or touched.
#include "app/session.h"
#include "config/netconf.h"
#include "store/store.h"

namespace trestle::app {

// Throws Error{held}: a link of the switch's name is not ours, or another network gives one object other attributes; Error{bad_config}: a
// link of the host that is not this switch uses the subnet.
void refuse_part(Session& session, const config::NetConf& conf, const store::Part& part);
// The last of these alone.
void refuse_used_subnets(Session& session, const config::NetConf& conf, const std::vector<plan::Step>& steps);

// Throws Error{held} when the tunnel of that VNI and port belongs to another network, or was made for another layer or control plane than the
// configuration has now: pods live with it.
void refuse_other_tunnel(Session& session, const config::NetConf& nic);

}  // namespace trestle::app
