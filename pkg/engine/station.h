#pragma once
// Static FDB entries of pods' ports (plan::Fdb). MACs are unique in a VLAN; a trunk is in many, and the switch and its uplinks have theirs.
#include <cstdint>
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Throws Error{held} when the switch itself or another of its ports has the MAC for its own in one of the Step's VLANs: the entry would cut that
// one off, and after its end nobody had it any more (the host was lost to its LAN).
void refuse_taken(Context& context, const plan::Fdb& step, std::uint32_t port_index);

// What of it is not there, in words.
std::optional<std::string> station_defect(Context& context, const plan::Fdb& step, std::uint32_t port_index);

}  // namespace trestle::engine
