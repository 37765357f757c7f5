#pragma once
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::test {

// What libnftnl reads out of the rule that `text` becomes, one expression per line: "[ meta load iifname => reg 1 ]".
std::vector<std::string> expressions(plan::Table table, const std::string& text);
// The elements that libnftnl reads out of the messages, as it prints them.
std::vector<std::string> elements(const kernel::Batch& batch);

}  // namespace trestle::test
