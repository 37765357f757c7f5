#pragma once
// Published ports.
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// The Step's readers but describe(). make() may be called twice; false: the maps are gone (somebody flushed the ruleset). Throws
// Error{held} for a port that leads elsewhere. defects_of(): one line for each port that is not as the Step says. take_away() throws Error
// when something is still there afterwards.
[[nodiscard]] bool make(Context& context, const plan::Publish& step);
std::vector<std::string> defects_of(Context& context, const plan::Publish& step);
void take_away(Context& context, const plan::Publish& step);

}  // namespace trestle::engine
