#pragma once
// Plans and results in words. Pure.
#include <string>
#include <vector>

#include "cni/result.h"
#include "plan/plan.h"

namespace trestle::cli {

// One indented line per Step, a rule set's text indented below its own.
std::string text(const std::vector<plan::Step>& steps);
// One indented line per interface, address, route, and for DNS.
std::string text(const cni::Result& result);
// "shared (switch trdemo):", "attachment:", "result:" with what belongs to them.
std::string text(const plan::Plan& plan, const cni::Result& result);

}  // namespace trestle::cli
