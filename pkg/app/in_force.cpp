#include <algorithm>

#include "app/shared.h"
#include "plan/plan.h"

namespace trestle::app {

std::vector<store::Part> parts_in_force(Session& session) {
  std::vector<store::Part> parts = session.store().parts();
  const auto replaced = [&](const plan::Step& step) {
    if (!std::holds_alternative<plan::Rules>(step)) return false;
    const std::string key = plan::object_key(step);
    return std::any_of(parts.begin(), parts.end(), [&](const store::Part& part) {
      return part.ready && std::any_of(part.steps.begin(), part.steps.end(), [&](const plan::Step& other) {
               return std::holds_alternative<plan::Rules>(other) && plan::object_key(other) == key;
             });
    });
  };
  std::vector<std::vector<plan::Step>> in_force;
  for (const store::Part& part : parts)
    if (part.ready) in_force.push_back(part.steps);
  for (store::Part& part : parts) {
    if (part.ready || std::ranges::none_of(part.steps, replaced)) continue;
    // What points to a chain that the other text has not, or stands in such a set, cannot be either.
    for (const plan::Step& lost : plan::undeclared(part.steps, in_force))
      plan::drop_elements_of(part.steps, std::get<plan::Rules>(lost));
    std::erase_if(part.steps, replaced);
  }
  return parts;
}

std::vector<plan::Step> shared_steps(const store::Record& record, const std::vector<store::Part>& parts) {
  std::vector<plan::Step> steps;
  for (const store::PartRef& ref : record.parts)
    for (const store::Part& part : parts)
      if (ref == store::PartRef{part.bridge, part.digest})
        steps.insert(steps.end(), part.steps.begin(), part.steps.end());
  return steps;
}

}  // namespace trestle::app
