#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plan/step.h"

namespace trestle::plan {

// [{"step":"address","link":"pod:eth0","cidr":"10.88.0.2/16"}]. Loses nothing: steps_from_json(to_json(s)) == s.
std::string steps_text(const std::vector<Step>& steps);
nlohmann::json to_json(const Step& step);
nlohmann::json to_json(const std::vector<Step>& steps);
// Throws Error{store} naming the field: a Step is only ever read back from a record of ours.
Step step_from_json(const nlohmann::json& json);
std::vector<Step> steps_from_json(const nlohmann::json& json);

}  // namespace trestle::plan
