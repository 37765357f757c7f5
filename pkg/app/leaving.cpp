#include "app/leaving.h"

#include <algorithm>

#include "base/error.h"
#include "engine/undo.h"

namespace trestle::app {

std::vector<store::Part> parts_beside(Session& session, const Leaving& leaving) {
  std::vector<store::Part> parts = session.store().parts();
  std::erase_if(parts, [&](const store::Part& part) {
    return std::ranges::find(leaving.parts, store::PartRef{part.bridge, part.digest}) != leaving.parts.end();
  });
  return parts;
}

void end(Session& session, Leaving leaving, std::vector<std::string>& failed) {
  try {
    engine::delete_together(session.context(), leaving.links);
    for (const store::PartRef& ref : leaving.parts) session.store().remove_part(ref);
  } catch (const base::Error& e) {
    failed.emplace_back(e.what());
  }
  for (const net::IfName& bridge : leaving.bridges) session.store().remove_empty_switch(bridge);
}

}  // namespace trestle::app
