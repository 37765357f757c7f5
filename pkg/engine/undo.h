#pragma once
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Takes away what the Steps name, newest first, whether it was reached or not. What is not there is success; what is not provably ours
// is left. Tries everything and never throws for a single Step: returns one line per thing that is still there, empty when all is gone.
// With `switches` the links of switches are put there, for delete_together(): each deletion waits for the kernel's RCU, several together once.
[[nodiscard]] std::vector<std::string> undo(Context& context, const std::vector<plan::Step>& steps,
                                            std::vector<net::IfName>* switches = nullptr);
// Pairs or switches of ours, in one send, so that none is left half way. Throws Error{kernel}; a link that is gone by now is no failure.
void delete_together(Context& context, const std::vector<net::IfName>& links);

// The same for many attachments at once: their links go by group messages of at most 100 (a single deletion waits 20 ms for RCU, a hundred
// together 66 ms), their elements in one batch.
[[nodiscard]] std::vector<std::string> undo_many(Context& context,
                                                 const std::vector<const std::vector<plan::Step>*>& plans);

}  // namespace trestle::engine
