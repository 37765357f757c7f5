#pragma once
// What plugins later in the chain made of a pod's NICs: theirs to change, as far as the pod still gets through.
#include <map>
#include <string>
#include <vector>

#include "cni/result.h"
#include "engine/verify.h"
#include "store/record.h"

namespace trestle::app {

using Overrides = std::map<net::IfName, engine::Override>;

// MAC and MTU of the pod's sides as the end of the chain left them: CHECK's prevResult says so.
Overrides overrides(const cni::Result& prev, const store::Record& record);

// The same where no prevResult is at hand (`trestle check`, repair, the agent): what the pod, in whose namespace the context is, has now, if the
// guard lets that MAC pass and the MTU is no larger than ours and large enough for IPv6. Once repair took back what `tuning` had set.
Overrides tolerated(engine::Context& context, const store::Record& record);

// A sentence for each NIC whose MAC in `by_chain` its port lets not pass.
std::vector<std::string> unguarded_macs(const store::Record& record, const Overrides& by_chain);

}  // namespace trestle::app
