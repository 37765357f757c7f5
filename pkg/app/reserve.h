#pragma once
// From a call's NICs to its record: addresses reserved, plan and result made.
#include "app/attach.h"
#include "app/ground.h"
#include "modes/modes.h"

namespace trestle::app {

// What NIC number `nic` of the call is planned from. Refers to `conf` and `on`.
modes::AttachmentInput input_of(Session& session, const Job& job, const config::NetConf& nic, const Ground& on,
                                plan::Lease lease);

// Reserves addresses and writes the record: from here on a DEL knows all that this ADD may make. `result`: what ADD answers.
store::Record reserve(Session& session, const Job& job, const Ground& on, cni::Result& result);

}  // namespace trestle::app
