#pragma once
// Readers of the Step vxlan.
#include <optional>
#include <string>

#include "engine/context.h"

namespace trestle::engine {

// Makes it or mends it; `local` of one that is there follows. Throws Error{held} for a link that is not ours, and where its VNI and port
// belong to another link.
void make(Context& context, const plan::Vxlan& step);
std::optional<std::string> defect_of(Context& context, const plan::Vxlan& step);
// By its name, or as our own that another hand has renamed.
void take_away(Context& context, const plan::Vxlan& step);

std::optional<std::string> defect_of(Context& context, const plan::Nexthop& step);

}  // namespace trestle::engine
