#pragma once
#include "modes/modes.h"

namespace trestle::modes {

// The default network: pods reach the outside with the host's address, the outside reaches pods by replies and by what this host
// DNATed (DESIGN section 5).
plan::Shared nat_shared(const SwitchInput& in);
std::vector<plan::Step> nat_attachment(const AttachmentInput& in);

}  // namespace trestle::modes
