#include "app/shared.h"

#include <algorithm>
#include <set>

#include "app/adopt.h"
#include "app/facts.h"
#include "app/leaving.h"
#include "app/make_part.h"
#include "app/node_part.h"
#include "app/stray.h"
#include "app/tunnel.h"
#include "base/error.h"
#include "engine/apply.h"
#include "engine/file.h"
#include "engine/service.h"
#include "engine/undo.h"
#include "engine/uplink.h"
#include "engine/verify.h"
#include "kernel/link.h"
#include "modes/gateway.h"
#include "modes/guest_services.h"
#include "net/names.h"

namespace trestle::app {

using base::Error;

namespace {

// What a switch always consists of, for a part whose file is damaged: objects are undone by their names.
std::vector<plan::Step> by_name(Session& session, const net::IfName& bridge) {
  config::NetConf conf{.cni_version = "1.1.0", .name = "", .bridge = bridge};
  conf.host_access.all = false;
  auto steps = modes::find(conf.mode).shared({conf, plan::Facts{}, session.settings().state_dir}).steps;
  steps.emplace_back(modes::service_by_name(session.settings().state_dir, bridge));
  return steps;
}

// The caller holds this switch and the tables. A part of it goes, whose rules had replaced older ones. `parts`: the others.
void put_back(Session& session, const net::IfName& bridge, const std::vector<store::Part>& parts) {
  for (const store::Part& part : parts) {
    const store::PartRef ref{part.bridge, part.digest};
    if (part.bridge != bridge || part.ready || part.steps.empty()) continue;
    if (session.store().part_unused(ref, true) && !carries(session, part)) continue;
    engine::apply_shared(session.context(), part.steps);
    return session.store().set_ready(ref, true);
  }
  // Another release's pods on another switch: CHECK told them that their tables were changed.
  const auto has_tables = [](const store::Part& part) {
    return std::any_of(part.steps.begin(), part.steps.end(), is_tables);
  };
  if (std::any_of(parts.begin(), parts.end(), [&](const store::Part& p) { return p.ready && has_tables(p); })) return;
  for (const store::Part& part : parts) {
    if (!has_tables(part) || session.store().part_unused({part.bridge, part.digest}, false)) continue;
    std::vector<plan::Step> steps = part.steps;
    std::erase_if(steps, [](const plan::Step& step) { return !is_tables(step); });
    return engine::apply_shared(session.context(), steps);
  }
}

// The caller holds the switch exclusively.
std::vector<std::string> take_down(Session& session, const store::PartRef& ref, Leaving& leaving) {
  store::Store& store = session.store();
  std::vector<plan::Step> gone;
  std::vector<std::vector<plan::Step>> kept;
  {
    // A part that cannot be read names at least the tables: every switch does.
    const auto tables_step = plan::Rules{"tables", ""};
    const store::Lock tables = store.locks().tables(session.deadline());
    for (store::Part& part : parts_beside(session, leaving))
      if (part.bridge == ref.bridge && part.digest == ref.digest) {
        gone = std::move(part.steps);
      } else {
        if (part.steps.empty()) part.steps.emplace_back(tables_step);
        kept.push_back(std::move(part.steps));
      }
    if (gone.empty()) gone = by_name(session, ref.bridge);
    store.set_ready(ref, false);  // killed between here and the end: whoever comes next makes it anew
    std::vector<plan::Step> mine = plan::unshared(gone, kept);
    if (!mentioned_links(session).empty()) std::erase_if(mine, is_tables);  // another state directory's pods need them
    leaving.tables = leaving.tables || std::ranges::any_of(mine, is_tables);
    std::vector<std::string> failed = engine::undo(session.context(), mine, &leaving.links);
    for (const std::string& note : session.context().take_notes()) session.log().write(Log::Level::warn, note);
    for (std::string& line : forget_tunnels(session, mine)) failed.push_back(std::move(line));
    std::vector<store::Part> others = parts_beside(session, leaving);
    std::erase_if(others, [&](const store::Part& part) { return ref == store::PartRef{part.bridge, part.digest}; });
    try {
      put_back(session, ref.bridge, others);
    } catch (const Error& e) {
      session.log().write(Log::Level::warn, "rules of a switch are not put back; 'trestle repair' does it",
                          {{"why", e.what()}});
      return failed;  // its chains may be needed still: the part stays for the next who looks
    }
    // Else they held the sets that the others' have in common with them: the last DEL was refused for ever.
    for (std::string& line : engine::undo(session.context(), plan::undeclared(gone, kept)))
      failed.push_back(std::move(line));
    if (failed.empty()) leaving.parts.push_back(ref);
    return failed;
  }
}

// The host lives on the switch: one part stays, and the switch with it, until `trestle uplink release`.
bool carries_host(Session& session, const std::vector<store::Part>& left, const store::Part& part) {
  const auto others = std::count_if(left.begin(), left.end(), [&](const store::Part& other) {
    return other.bridge == part.bridge && may_carry(other);
  });
  return others == 1 && carries(session, part);
}

bool is_last(const std::vector<store::Part>& left, const store::Part& part) {
  return std::ranges::count(left, part.bridge, &store::Part::bridge) == 1;
}

void give_back(Session& session, const store::Part& part) {
  for (const plan::Step& step : part.steps)
    if (const auto* taken = std::get_if<plan::TakeAddresses>(&step)) engine::give_back(session.context(), *taken);
}

// Takes down what of one switch has no refs any more. Nothing happens while somebody else holds it: who leaves last will look.
// `fresh`: parts of a call that failed; they go first, and where none before them had taken the host's addresses, these go back. Those that an
// earlier configuration of the network took stay on the switch.
void release_switch(Session& session, const net::IfName& bridge, Leaving& leaving, std::vector<std::string>& failed,
                    const std::vector<store::PartRef>& fresh = {}) {
  store::Store& store = session.store();
  auto lock = store.locks().try_switch_exclusive(bridge);
  if (!lock) return;
  const std::size_t before = leaving.parts.size();
  const auto is_fresh = [&](const store::Part& part) {
    return std::ranges::find(fresh, store::PartRef{part.bridge, part.digest}) != fresh.end();
  };
  std::vector<store::Part> all = store.parts();
  std::ranges::stable_partition(all, is_fresh);
  for (const store::Part& part : all) {
    const store::PartRef ref{part.bridge, part.digest};
    if (part.bridge != bridge || !store.part_unused(ref, true)) continue;
    if (carries_host(session, parts_beside(session, leaving), part)) {
      if (!is_fresh(part)) continue;
      try {
        give_back(session, part);
      } catch (const Error& e) {
        failed.emplace_back(e.what());
        continue;
      }
    }
    if (const auto port = engine::foreign_port(session.context(), part.steps);
        port && is_last(parts_beside(session, leaving), part)) {
      session.log().write(Log::Level::warn, "a switch that no pod needs any more stays: another's link is a port of it",
                          {{"switch", bridge.str()}, {"port", *port}});
      continue;
    }
    for (std::string& line : take_down(session, ref, leaving)) failed.push_back(std::move(line));
  }
  if (leaving.parts.size() == before)
    return store.remove_empty_switch(bridge);  // a call that was killed may have left it
  leaving.bridges.push_back(bridge);
  leaving.locks.push_back(std::move(*lock));
}

// A part that could not be made leaves nothing. The first failure is the one that is told.
void give_up(Session& session, store::Lock lock, const net::IfName& bridge, const net::Owner& owner,
             const std::vector<store::PartRef>& fresh) noexcept {
  try {
    std::vector<std::string> failed;
    static_cast<void>(session.store().drop_stray_refs(owner));
    lock.release();
    Leaving leaving;
    release_switch(session, bridge, leaving, failed, fresh);
    end(session, leaving, failed);
    for (const std::string& left : failed)
      session.log().write(Log::Level::error, "rollback left something; DEL will take it away", {{"what", left}});
  } catch (const std::exception&) {
    return;  // DEL will take it away
  }
}

// The configuration's part on the switch, when it is made and whole.
std::optional<store::PartRef> standing(Session& session, const config::NetConf& conf, const plan::Facts& facts) {
  const plan::Shared shared = modes::find(conf.mode).shared({conf, facts, session.settings().state_dir});
  store::PartRef ref{conf.bridge, plan::digest(shared.steps)};
  if (!session.store().part_ready(ref) || !engine::stands(session.context(), shared.steps)) return std::nullopt;
  return ref;
}

}  // namespace

Switch hold_switch(Session& session, const std::vector<config::NetConf>& confs, const net::Owner& owner) {
  store::Store& store = session.store();
  const net::IfName& bridge = confs.front().bridge;
  {
    store::Lock lock = store.locks().switch_shared(bridge, session.deadline());
    if (auto facts = store.facts(bridge); facts && store.keeps_records() && keeps_parts(confs, *facts)) {
      for (const config::NetConf& conf : confs) refresh(session, conf, *facts);
      Switch out{std::move(lock), std::move(*facts), {}, {}};
      for (const config::NetConf& conf : confs)
        if (const auto ref = standing(session, conf, out.facts)) out.parts.push_back(*ref);
      if (out.parts.size() == confs.size()) return out;
    }
  }
  store::Lock lock = store.locks().switch_exclusive(bridge, session.deadline());
  std::vector<store::PartRef> fresh;
  try {
    const auto kept = store.facts(bridge);
    const bool lost = !kept || !store.keeps_records();
    const bool lived_on = lost && engine::lives_on(session.context(), bridge);  // since a time that nobody remembers
    Switch out{{}, kept ? *kept : fresh_facts(session, confs.front()), {}, {}};
    for (const config::NetConf& conf : confs) {
      refresh(session, conf, out.facts);
      keep_part(session, conf, out.facts);
    }
    if (!kept || kept->parts != out.facts.parts) store.set_facts(bridge, out.facts);
    for (const config::NetConf& conf : confs) {
      plan::Shared shared = modes::find(conf.mode).shared({conf, out.facts, session.settings().state_dir});
      const store::PartRef ref{bridge, plan::digest(shared.steps)};
      if (std::find(out.parts.begin(), out.parts.end(), ref) != out.parts.end()) continue;
      refuse_swallowed(session, conf, shared.steps);
      if (!lived_on && std::ranges::none_of(store.parts(), [&](const store::Part& part) {
            return part.bridge == bridge && part.digest == ref.digest;
          }))
        fresh.push_back(ref);
      if (make_part(session, conf, {bridge, ref.digest, conf.name, std::move(shared.steps), false}, owner))
        out.flushed = true;
      out.parts.push_back(ref);
    }
    if (lost) adopt_ports(session, confs.front(), out.parts.front());
    out.fresh = fresh;
    lock.downgrade();
    out.lock = std::move(lock);
    return out;
  } catch (...) {
    give_up(session, std::move(lock), bridge, owner, fresh);
    throw;
  }
}

std::vector<std::string> release_switches(Session& session, std::vector<store::Lock> locks,
                                          const std::vector<store::PartRef>& parts,
                                          const std::vector<store::PartRef>& fresh) {
  store::Store& store = session.store();
  locks.clear();  // before looking: two that leave together would each see the other's lock, or its ref
  const bool last =
      std::any_of(parts.begin(), parts.end(), [&](const store::PartRef& ref) { return store.part_unused(ref, false); });
  std::vector<std::string> failed;
  if (!last) return failed;
  std::set<net::IfName> bridges;
  for (const store::PartRef& ref : parts) bridges.insert(ref.bridge);
  Leaving leaving;
  for (const net::IfName& bridge : bridges) release_switch(session, bridge, leaving, failed, fresh);
  end(session, leaving, failed);
  return failed;
}

std::vector<std::string> release_unused(Session& session) {
  std::vector<std::string> failed;
  Leaving leaving;
  for (const net::IfName& bridge : session.store().switches()) release_switch(session, bridge, leaving, failed);
  end(session, leaving, failed);
  return failed;
}

std::vector<std::string> release_unknown(Session& session) {
  std::vector<std::string> failed;
  const auto all = session.store().locks().try_all_switches_exclusive();
  if (!all) return failed;  // an ADD makes its switch before anybody can know it; the next GC looks again
  const store::Lock tables = session.store().locks().tables(session.deadline());
  std::vector<std::vector<plan::Step>> kept;
  std::set<net::IfName> known;
  for (store::Part& part : session.store().parts()) {
    known.insert(part.bridge);
    kept.push_back(std::move(part.steps));
  }
  const std::string& state_dir = session.settings().state_dir;
  for (const net::IfName& bridge : engine::services_below(modes::services_root(state_dir)))
    if (!known.contains(bridge))
      for (std::string& line : engine::undo(session.context(), {modes::service_by_name(state_dir, bridge)}))
        failed.push_back(std::move(line));
  for (std::string& line : engine::undo(session.context(), stray_tunnels(session, known, kept)))
    failed.push_back(std::move(line));
  const std::uint32_t group = net::switch_group(state_dir);
  for (const kernel::LinkInfo& link : kernel::dump_links(session.context().route())) {
    if (link.kind != "bridge" || link.group != group) continue;
    const net::IfName bridge = net::IfName::parse(link.name);
    if (known.contains(bridge) || !kernel::dump_links(session.context().route(), link.index).empty()) continue;
    std::vector<plan::Step> steps = plan::unshared(by_name(session, bridge), kept);
    std::erase_if(steps, is_tables);
    for (std::string& line : engine::undo(session.context(), steps)) failed.push_back(std::move(line));
    const plan::File mark = modes::drop_in_mark(bridge);
    engine::remove_files_like(mark.path, std::string_view("01234567.conf").size(), mark.text);
  }
  if (known.empty() && mentioned_links(session).empty())
    for (std::string& line : engine::undo(session.context(), {plan::Rules{"tables", ""}}))
      failed.push_back(std::move(line));
  return failed;
}

}  // namespace trestle::app
