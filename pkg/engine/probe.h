#pragma once
#include <vector>

#include "plan/step.h"

namespace trestle::engine {

// Tries these Steps in a network namespace made for the purpose and thrown away: what the kernel lacks shows before a pod needs it, and
// nothing of the host is touched (files are left out). Throws the Error that apply would have thrown.
void probe(const std::vector<plan::Step>& shared, const std::vector<plan::Step>& attachment);

}  // namespace trestle::engine
