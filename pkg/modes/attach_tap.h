#pragma once
// `device: tap`: switch - veth - redirect - TAP. The pair and its port are those of a container; what the pod's end gets is the guest's alone.
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// On the pair that the Steps make already, or on another plugin's: the TAP, the redirect, and all of it up. Throws Error{bad_config} when the
// TAP would have the interface's own name.
void add_tap(std::vector<plan::Step>& steps, const AttachmentInput& in);
// The TAP behind what `result` has and, with `vmInterface`, the guest's own interface with a copy of each address, as tc-redirect-tap tells
// them to firecracker-go-sdk.
void add_tap_result(cni::Result& result, const AttachmentInput& in);

}  // namespace trestle::modes
