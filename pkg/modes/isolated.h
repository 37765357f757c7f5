#pragma once
#include "modes/modes.h"

namespace trestle::modes {

// Pods that reach each other and nothing else; `hostAccess` gives the switch an address of the host's (DESIGN section 5).
plan::Shared isolated_shared(const SwitchInput& in);
std::vector<plan::Step> isolated_attachment(const AttachmentInput& in);

}  // namespace trestle::modes
