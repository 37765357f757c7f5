#include "app/make_part.h"

#include <algorithm>

#include "app/refuse.h"
#include "base/error.h"
#include "engine/apply.h"
#include "kernel/link.h"
#include "kernel/neighbour.h"
#include "kernel/nft.h"

namespace trestle::app {

namespace {

// The same network's older configuration had other rules on this switch: they are replaced now, and whoever still uses that configuration
// has to put its own in again.
void outdate_rules(Session& session, const store::Part& mine) {
  for (const store::Part& other : session.store().parts()) {
    if (other.digest == mine.digest && other.bridge == mine.bridge) continue;
    for (const plan::Step& a : mine.steps)
      for (const plan::Step& b : other.steps)
        if (std::holds_alternative<plan::Rules>(a) && a.index() == b.index() &&
            plan::object_key(a) == plan::object_key(b) && a != b)
          session.store().set_ready({other.bridge, other.digest}, false);
  }
}

// `gone`: did somebody flush them? Whoever makes a part would make them again, and nothing that it needs is missing: the pods of other switches, and
// of other parts of this one, stayed open. `whole`: they need not be made again, which is half of the work for a switch.
struct Tables {
  bool gone = false, whole = false;
};

// The caller holds the tables.
Tables look_at_tables(Session& session, const store::Part& mine) {
  if (std::ranges::none_of(session.store().parts(), &store::Part::ready)) return {};
  Tables now{false, true};
  for (const plan::Step& step : mine.steps)
    if (is_tables(step) &&
        !kernel::missing_rules(session.context().nft(), std::get<plan::Rules>(step), &now.gone).empty())
      now.whole = false;
  return now;
}

// A NIC that went down and up lost all proxy entries; that of the switch's own address tells it. Every pod's has to be made again.
bool lost_proxies(Session& session, const store::Part& mine) {
  if (!session.store().part_ready({mine.bridge, mine.digest})) return false;
  return std::ranges::any_of(mine.steps, [&](const plan::Step& step) {
    const auto* proxy = std::get_if<plan::Neighbour>(&step);
    const auto nic =
        proxy && proxy->proxy ? kernel::link_index(session.context().route(), proxy->link.name) : std::nullopt;
    return nic && !kernel::has_neighbour(session.context().route(), *nic, *proxy);
  });
}

}  // namespace

bool is_tables(const plan::Step& step) {
  const auto* rules = std::get_if<plan::Rules>(&step);
  return rules && rules->name == "tables";
}

bool make_part(Session& session, const config::NetConf& conf, const store::Part& part, const net::Owner& owner) {
  refuse_part(session, conf, part);
  const bool silent = lost_proxies(session, part);
  outdate_rules(session, part);
  session.store().put_part(part, owner);
  const store::Lock tables = session.store().locks().tables(session.deadline());
  Tables now = look_at_tables(session, part);
  std::vector<plan::Step> steps = part.steps;
  if (now.whole) std::erase_if(steps, is_tables);
  try {
    engine::apply_shared(session.context(), steps);
  } catch (const base::Error&) {
    if (!now.whole) throw;
    now.gone = true;  // flushed since the look, for all that is known
    engine::apply_shared(session.context(), part.steps);
  }
  session.store().set_ready({part.bridge, part.digest}, true);
  return now.gone || silent;
}

}  // namespace trestle::app
