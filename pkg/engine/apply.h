#pragma once
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Throws Error{held} when a link of the bridge's name is there and is not ours.
void refuse_foreign(Context& context, const plan::Bridge& bridge);

// Makes what attachments share, or mends it: applying twice is applying once. The caller holds the switch exclusively and the tables.
// Throws Error naming the Step.
void apply_shared(Context& context, const std::vector<plan::Step>& steps);

// Makes one attachment, in order; neighbouring Steps of one socket travel in one send. Throws Error naming the Step; what was made until
// then is for undo(). false: an nftables object of ours is gone (somebody flushed the ruleset); heal and try again.
[[nodiscard]] bool apply_attachment(Context& context, const std::vector<plan::Step>& steps);

// repair: makes again what of an attachment is missing; what is there already is no error.
void reapply_attachment(Context& context, const std::vector<plan::Step>& steps);

}  // namespace trestle::engine
