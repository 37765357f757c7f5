#pragma once
// The physical side of a switch: bond, uplink, the host's addresses.
#include <optional>
#include <string>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Each Step's four readers but describe(): make() throws Error naming the Step and may be called twice; the defect is what is not as the
// Step says, nullopt when it holds; take_away() throws Error when it is still there afterwards.
// Addresses and routes of the host on an uplink, that go to the switch. nullopt when there are none (an IPv6 link-local one does not
// count). Throws Error{bad_config} when there are and `take` is false, or when somebody else owns them (a lifetime, DHCP, RA).
std::optional<plan::TakeAddresses> read_taken(Context& context, const std::vector<net::IfName>& nics,
                                              const net::IfName& bridge, bool take);

void make(Context& context, const plan::Bond& step);
std::optional<std::string> defect_of(Context& context, const plan::Bond& step);
void take_away(Context& context, const plan::Bond& step);

void make(Context& context, const plan::Uplink& step);
std::optional<std::string> defect_of(Context& context, const plan::Uplink& step);
void take_away(Context& context, const plan::Uplink& step);

void make(Context& context, const plan::TakeAddresses& step);
std::optional<std::string> defect_of(Context& context, const plan::TakeAddresses& step);
void take_away(Context& context, const plan::TakeAddresses& step);

}  // namespace trestle::engine
