#pragma once
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Of an address of the host that is there: what it sends to the subnet does not leave by the address's link. nullopt: it does, or there is no
// such route to look for. In the pod a chained plugin may have moved it to its own table.
std::optional<std::string> prefix_route_defect(Context& context, const plan::Address& address);

}  // namespace trestle::engine
