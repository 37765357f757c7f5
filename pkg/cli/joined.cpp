#include "cli/joined.h"

#include <algorithm>

namespace trestle::cli {

namespace {

std::string mode_of(const store::Part& part) {
  std::string mode = "bridge";
  for (const plan::Step& step : part.steps)
    if (const auto* some = std::get_if<plan::Elements>(&step); some && some->table == plan::Table::inet) {
      if (some->set == "masq" || some->set == "routed") return some->set == "masq" ? "nat" : "routed";
      if (some->set == "enter") mode = "isolated";
    }
  return mode;
}

}  // namespace

Joined joined(const std::vector<store::Part>& parts, const store::Record& record, const store::Nic& nic) {
  if (record.nics.size() > 1)
    for (const store::Part& part : parts)
      if (part.bridge == nic.bridge &&
          std::ranges::find(record.parts, store::PartRef{part.bridge, part.digest}) != record.parts.end())
        return {mode_of(part), part.network};
  return {record.mode, record.owner.network};
}

}  // namespace trestle::cli
