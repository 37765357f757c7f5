#pragma once
// What leads packets into a switch's chains.
#include <initializer_list>
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The tables that all switches share, and this one's chains and sets.
void add_rules(std::vector<plan::Step>& steps, const SwitchInput& in, std::string text);
// The switch is one of ours, and each of `maps` leads to its chain of that name; `input` too, unless the host is open.
void add_verdicts(std::vector<plan::Step>& steps, const SwitchInput& in, std::initializer_list<const char*> maps);
// The switch's own link-local address, which no pod may speak for.
void add_gateway_guard(std::vector<plan::Step>& steps, const SwitchInput& in);

// With `portIsolation`, of a switch that judges nothing else (bridge_text()).
void add_apart(std::vector<plan::Step>& steps, const SwitchInput& in);

}  // namespace trestle::modes
