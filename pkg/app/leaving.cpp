#include "app/leaving.h"

#include <algorithm>

#include "app/stray.h"
#include "base/error.h"
#include "engine/undo.h"
#include "engine/uplink.h"

namespace trestle::app {

// A switch on a LAN has no address of ours: what is on it is the host's, moved there by us or given to it by its operator.
bool may_carry(const store::Part& part) {
  const auto is_address = [](const plan::Step& step) { return std::holds_alternative<plan::Address>(step); };
  const auto is_uplink = [](const plan::Step& step) { return std::holds_alternative<plan::Uplink>(step); };
  return std::ranges::any_of(part.steps, is_uplink) && std::ranges::none_of(part.steps, is_address);
}

bool carries(Session& session, const store::Part& part) {
  return may_carry(part) && engine::lives_on(session.context(), part.bridge);
}

std::vector<store::Part> parts_beside(Session& session, const Leaving& leaving) {
  std::vector<store::Part> parts = session.store().parts();
  std::erase_if(parts, [&](const store::Part& part) {
    return std::ranges::find(leaving.parts, store::PartRef{part.bridge, part.digest}) != leaving.parts.end();
  });
  return parts;
}

namespace {

// Two calls that took the last two switches down at once each saw the other's part, which goes last, and left the tables to it.
void remove_last_tables(Session& session, std::vector<std::string>& failed) {
  const store::Lock lock = session.store().locks().tables(session.deadline());
  if (!session.store().parts().empty() || !mentioned_links(session).empty()) return;
  for (std::string& line : engine::undo(session.context(), {plan::Rules{"tables", ""}}))
    failed.push_back(std::move(line));
}

}  // namespace

void end(Session& session, const Leaving& leaving, std::vector<std::string>& failed) {
  try {
    engine::delete_together(session.context(), leaving.links);
    for (const store::PartRef& ref : leaving.parts) session.store().remove_part(ref);
    if (!leaving.parts.empty() && !leaving.tables) remove_last_tables(session, failed);
  } catch (const base::Error& e) {
    failed.emplace_back(e.what());
  }
  for (const net::IfName& bridge : leaving.bridges) session.store().remove_empty_switch(bridge);
}

}  // namespace trestle::app
