#pragma once
// Published ports.
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Each Step's four readers but describe(): make() throws Error naming the Step and may be called twice; the defect is what is not as the
// Step says, nullopt when it holds; take_away() throws Error when it is still there afterwards.
void make(Context& context, const plan::Publish& step);
std::optional<std::string> defect_of(Context& context, const plan::Publish& step);
void take_away(Context& context, const plan::Publish& step);

}  // namespace trestle::engine
