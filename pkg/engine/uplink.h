#pragma once
// The physical side of a switch: bond, uplink, the host's addresses.
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Each Step's four readers but describe(): make() throws Error naming the Step and may be called twice; the defect is what is not as the
// Step says, nullopt when it holds; take_away() throws Error when it is still there afterwards.
void make(Context& context, const plan::Bond& step);
std::optional<std::string> defect_of(Context& context, const plan::Bond& step);
void take_away(Context& context, const plan::Bond& step);

void make(Context& context, const plan::Uplink& step);
std::optional<std::string> defect_of(Context& context, const plan::Uplink& step);
void take_away(Context& context, const plan::Uplink& step);

// take_away() of this one is give_back(): only `trestle uplink release` calls it.
void make(Context& context, const plan::TakeAddresses& step);
std::optional<std::string> defect_of(Context& context, const plan::TakeAddresses& step);

// Addresses and routes of the host on an uplink, that go to the switch; what an earlier call put there is among them. nullopt when there
// are none (an IPv6 link-local one does not count). Throws Error{bad_config} when there are and `take` is false, or when they cannot be
// moved for good: each is named with its reason.
std::optional<plan::TakeAddresses> read_taken(Context& context, const std::vector<net::IfName>& nics,
                                              const net::IfName& bridge, bool take);
// A port of the Steps' switch that they do not name, while the switch is ours: its user would lose the LAN with the uplink. nullopt: none.
std::optional<std::string> foreign_port(Context& context, const std::vector<plan::Step>& steps);
// Does the host live on that switch of ours?
bool lives_on(Context& context, const net::IfName& bridge);
// Puts every address and route that is on the switch now back on the NIC, which is no port any more then. Again is no error. Throws
// Error{bad_config} when one cannot be moved, and nothing is done then.
void give_back(Context& context, const plan::TakeAddresses& step);

}  // namespace trestle::engine
