#pragma once
// Static FDB entries of pods' ports (plan::Fdb). MACs are unique in a VLAN, and a trunk is in many.
#include <cstdint>
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Throws Error{held} when the switch itself or another of its ports has the MAC for its own in one of the Step's VLANs: the entry would cut that
// one off, and after its end nobody would have it any more. A Step without VLANs is not looked at.
void refuse_taken(Context& context, const plan::Fdb& step, std::uint32_t port_index);

// What of it is not there, in words. nullopt too when the link is no port: its own Step tells.
std::optional<std::string> station_defect(Context& context, const plan::Fdb& step, std::uint32_t port_index);

}  // namespace trestle::engine
