#include "app/make_part.h"

#include <algorithm>

#include "app/refuse.h"
#include "engine/apply.h"
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

// Did somebody flush them? Whoever makes a part would make them again, and nothing that it needs is missing: the pods of other switches, and of other
// parts of this one, stayed open. The caller holds the tables.
bool lost_tables(Session& session, const store::Part& mine) {
  if (std::ranges::none_of(session.store().parts(), &store::Part::ready)) return false;
  bool gone = false;
  for (const plan::Step& step : mine.steps)
    if (is_tables(step))
      static_cast<void>(kernel::missing_rules(session.context().nft(), std::get<plan::Rules>(step), &gone));
  return gone;
}

}  // namespace

bool is_tables(const plan::Step& step) {
  const auto* rules = std::get_if<plan::Rules>(&step);
  return rules && rules->name == "tables";
}

bool make_part(Session& session, const config::NetConf& conf, const store::Part& part, const net::Owner& owner) {
  refuse_part(session, conf, part);
  outdate_rules(session, part);
  session.store().put_part(part, owner);
  const store::Lock tables = session.store().locks().tables(session.deadline());
  const bool flushed = lost_tables(session, part);
  engine::apply_shared(session.context(), part.steps);
  session.store().set_ready({part.bridge, part.digest}, true);
  return flushed;
}

}  // namespace trestle::app
