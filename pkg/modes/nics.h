#pragma once
// The NICs of one call as one plan and one result.
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// All that the call needs, in an order that costs few sends: the guards of all ports, then NIC by NIC, then what speaks of them. A route that an
// earlier NIC has already (the main table has room for one) is left out.
std::vector<plan::Step> attachment(const std::vector<AttachmentInput>& nics);
// Of each NIC in turn: switch, host link, pod side, TAP, pseudo VM. `dns` is that of the first that has one.
cni::Result result(const std::vector<AttachmentInput>& nics);

}  // namespace trestle::modes
