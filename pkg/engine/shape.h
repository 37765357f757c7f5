#pragma once
// Bandwidth: what the pod receives waits on the host end of its pair, what it sends on an ifb of its own.
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Each Step's four readers but describe(): make() throws Error naming the Step and may be called twice; it changes no qdisc that is not ours.
// The defect is what is not as the Step says, nullopt when it holds.
void make(Context& context, const plan::Shape& step);
std::optional<std::string> defect_of(Context& context, const plan::Shape& step);
// The pair is another's and stays: takes the limits off it.
void clear(Context& context, const plan::Shape& step);
// All else that undo has to take away, when it is there and ours: the rest dies with the pair.
std::optional<net::IfName> link_to_take_away(Context& context, const plan::Shape& step);

}  // namespace trestle::engine
