#pragma once
#include "app/session.h"
#include "config/netconf.h"
#include "store/store.h"

namespace trestle::app {

// Is it the tables that all switches share?
bool is_tables(const plan::Step& step);
// Puts a part on its switch, with a ref of `owner` written first. True: somebody had flushed the tables, and other switches are without what they
// had there. Throws Error{held} when another network gives one object other attributes. The caller holds the switch exclusively.
bool make_part(Session& session, const config::NetConf& conf, const store::Part& part, const net::Owner& owner);

}  // namespace trestle::app
