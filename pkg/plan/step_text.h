#pragma once
// The words that describe() and the JSON of a Step have in common.
#include <string>

#include "plan/step.h"

namespace trestle::plan {

std::string text(Where where);          // "host", "pod"
std::string text(const LinkRef& link);  // "pod:eth0"
std::string text(Table table);          // "inet", "bridge"
std::string text(const Field& field);   // an interface name in double quotes

}  // namespace trestle::plan
