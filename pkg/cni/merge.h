#pragma once
#include "cni/result.h"

namespace trestle::cni {

// The result of a chain: what earlier plugins made, then ours, with our addresses' interface indexes moved behind theirs. Ours replaces the
// DNS settings when it has any.
Result merge(const Result& prev, const Result& ours);

}  // namespace trestle::cni
