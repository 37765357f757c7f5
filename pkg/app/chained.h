#pragma once
#include "app/session.h"
#include "cni/request.h"
#include "config/netconf.h"

namespace trestle::app {

// The configuration with what the kernel and prevResult say of the interface that an earlier plugin of the list made; unchanged for a mode
// that makes its own. The session's context is in the pod. Throws Error{bad_config}: there is no such interface, it is there though a
// mode asks for one of its own, or it has no end on the host that could be guarded.
config::NetConf with_interface(Session& session, const cni::Request& request, const config::NetConf& conf);

}  // namespace trestle::app
