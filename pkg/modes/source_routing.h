#pragma once
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// `sourceRouting`: what is sent from this NIC's addresses leaves by this NIC, by a table of its own that a rule for each address leads to. What
// has no source yet goes by the main table.
void add_source_routing(std::vector<plan::Step>& steps, const AttachmentInput& in);

}  // namespace trestle::modes
