#pragma once
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The attachment's elements: its mark in the switch's own sets (after a flush, adding it fails with ENOENT: DESIGN section 3,
// "Healing"), and with `spoofCheck` what is known of the pod: port, MAC, addresses. They come first in the plan, so that the port is
// guarded before it is up.
void add_guard(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The switch's own link-local address, which no pod may speak for.
plan::Step guard_gateway(const net::Mac& bridge);

}  // namespace trestle::modes
