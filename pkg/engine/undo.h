#pragma once
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Takes away what the Steps name, newest first, whether it was reached or not. What is not there is success; what is not provably ours
// is left. Tries everything and never throws for a single Step: returns one line per thing that is still there, empty when all is gone.
[[nodiscard]] std::vector<std::string> undo(Context& context, const std::vector<plan::Step>& steps);

// The same for many attachments at once: their links go by group messages of at most 100 (a single deletion waits 20 ms for RCU, a hundred
// together 66 ms), their elements in one batch.
[[nodiscard]] std::vector<std::string> undo_many(Context& context,
                                                 const std::vector<const std::vector<plan::Step>*>& plans);

}  // namespace trestle::engine
