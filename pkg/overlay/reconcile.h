#pragma once
// Brings the kernel's entries for a tunnel's peers to what is wanted.
#include <cstddef>
#include <string>
#include <vector>

#include "config/netconf.h"
#include "engine/context.h"
#include "plan/step.h"

namespace trestle::overlay {

struct Outcome {
  std::size_t made = 0, removed = 0;
  std::size_t kept = 0;  // peers that the list has no more, left for the next pass: no more than a fifth goes at once
};

// What the kernel has of it now: entries of the VTEP, next hops by it and their routes. A few dumps.
std::vector<plan::Step> seen(engine::Context& context, const net::IfName& vtep);
// Idempotent; only what is ours is touched. `wanted` is a complete list. A VTEP that is not there has no entries: nothing is done. Throws
// Error{kernel} naming the Step.
Outcome reconcile(engine::Context& context, const net::IfName& vtep, const std::vector<plan::Step>& wanted);

}  // namespace trestle::overlay
