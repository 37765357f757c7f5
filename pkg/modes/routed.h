#pragma once
#include "modes/modes.h"

namespace trestle::modes {

// Pods with their own addresses: the host is their router, the outside and other routed networks reach them (DESIGN section 5).
plan::Shared routed_shared(const SwitchInput& in);
std::vector<plan::Step> routed_attachment(const AttachmentInput& in);

}  // namespace trestle::modes
