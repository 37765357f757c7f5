#pragma once
// The switch itself.
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Makes it, or what of it is not as the Step says. Throws Error{held} when a link that is not ours has the name.
void make(Context& context, const plan::Bridge& step);
// A sentence for each thing of `link`, a bridge of that name, that is not as the Step says.
std::vector<std::string> defects_of(const plan::Bridge& step, const kernel::LinkInfo& link);

}  // namespace trestle::engine
