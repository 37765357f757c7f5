#pragma once
#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Does what the host sends to the subnet of that address of its own leave by the address's link?
bool leads_by(Context& context, const plan::Address& address);

}  // namespace trestle::engine
