#include "app/attachment.h"

#include <algorithm>
#include <set>

#include "app/delegated.h"
#include "app/kin.h"
#include "app/shared.h"
#include "app/stray.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/service.h"
#include "engine/undo.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "modes/guest_services.h"
#include "net/alias.h"
#include "net/names.h"

namespace trestle::app {

namespace {

constexpr int kMaxRaces = 8;
constexpr std::size_t kLooks = 1;  // records per ADD: one costs as much as a read and a get

bool any_there(Session& session, const std::vector<net::IfName>& links) {
  return std::any_of(links.begin(), links.end(), [&](const net::IfName& link) {
    return kernel::link_index(session.context().route(), link).has_value();
  });
}

std::set<net::IfName> bridges_of(const std::optional<store::Record>& record) {
  std::set<net::IfName> bridges;
  if (record)
    for (const store::PartRef& part : record->parts) bridges.insert(part.bridge);
  return bridges;
}

void read_record(Session& session, const net::Owner& owner, Held& held) {
  held.unreadable = false;
  held.record.reset();
  try {
    held.record = session.store().find(owner);
  } catch (const base::Error& e) {
    if (e.code != base::Code::store) throw;
    held.unreadable = true;
  }
}

// The takers return false when the lock cannot be had now.
template <class TakePod, class TakeSwitch, class TakeAttachment, class TakeVm>
std::optional<Held> hold(Session& session, const net::Owner& owner, TakePod take_pod, TakeSwitch take_switch,
                         TakeAttachment take_attachment, TakeVm take_vm) {
  for (int race = 0; race < kMaxRaces; ++race) {
    Held held;
    if (!take_pod(held)) return std::nullopt;
    read_record(session, owner, held);
    const auto bridges = bridges_of(held.record);
    for (const net::IfName& bridge : bridges)
      if (!take_switch(bridge, held)) return std::nullopt;
    if (!take_attachment(held)) return std::nullopt;
    // The record was read without a lock: an ADD may have written it since, or a DEL removed it.
    read_record(session, owner, held);
    if (bridges_of(held.record) != bridges) continue;
    if (held.record && !take_vm(held)) return std::nullopt;
    return held;
  }
  throw base::Error(base::Code::try_again,
                    "attachment " + owner.container + "/" + owner.ifname + " keeps changing; try again");
}

// The record's namespace, if its path still leads there: the cookie tells, inodes are used again.
void enter(engine::Context& context, const store::Record& record) {
  try {
    auto netns = kernel::open_netns(record.netns);
    if (!netns) return;
    context.set_pod(std::move(*netns));
    if (context.pod_cookie() != record.netns_cookie) context.set_pod(base::Fd());
  } catch (const base::Error& e) {
    context.set_pod(base::Fd());
    if (e.code != base::Code::bad_environment) throw;  // else the path leads to something else by now: as good as gone
  }
}

}  // namespace

Held hold_attachment(Session& session, const net::Owner& owner) {
  store::Locks& locks = session.store().locks();
  return *hold(
      session, owner,
      [&](Held& held) {
        held.pod = locks.pod(owner.container, session.deadline());
        return true;
      },
      [&](const net::IfName& bridge, Held& held) {
        held.switches.push_back(locks.switch_shared(bridge, session.deadline()));
        return true;
      },
      [&](Held& held) {
        held.attachment = locks.attachment(owner, session.deadline());
        return true;
      },
      [&](Held& held) {
        held.vm = hold_vm(session, held.record->vm);
        return true;
      });
}

std::optional<Held> try_hold_attachment(Session& session, const net::Owner& owner) {
  store::Locks& locks = session.store().locks();
  return hold(
      session, owner,
      [&](Held& held) {
        auto lock = locks.try_pod(owner.container);
        if (lock) held.pod = std::move(*lock);
        return lock.has_value();
      },
      [&](const net::IfName& bridge, Held& held) {
        auto lock = locks.try_switch_shared(bridge);
        if (lock) held.switches.push_back(std::move(*lock));
        return lock.has_value();
      },
      [&](Held& held) {
        auto lock = locks.try_attachment(owner);
        if (lock) held.attachment = std::move(*lock);
        return lock.has_value();
      },
      [&](Held& held) {
        auto lock = try_hold_vm(session, held.record->vm);
        if (lock) held.vm = std::move(*lock);
        return lock.has_value();
      });
}

bool reaches_into_pod(const std::vector<plan::Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const plan::Step& step) {
    return std::holds_alternative<plan::Tap>(step) || std::holds_alternative<plan::Redirect>(step) ||
           std::holds_alternative<plan::Rule>(step);
  });
}

std::vector<std::string> undo(Session& session, const store::Record& record, const std::vector<plan::Step>& steps) {
  if (record.host_cookie != session.identity().host_cookie) return {};
  if (!reaches_into_pod(steps)) return engine::undo(session.context(), steps);
  // Not the session's: an ADD that clears a left-over is in another pod than that one was.
  engine::Context context(session.context().doomed(), session.context().switches());
  try {
    enter(context, record);
  } catch (const base::Error& e) {
    return {e.what()};
  }
  auto failed = engine::undo(context, steps);
  for (std::string& note : context.take_notes()) session.context().note(std::move(note));
  return failed;
}

// Of a VM that the switch knows behind its tunnel: it went to another node, and took its addresses along.
// A kernel that cannot be asked keeps no DEL from its end.
std::set<net::Mac> moved_away(Session& session, const store::Record& record) try {
  std::set<net::Mac> out;
  if (record.vm.empty() || record.host_cookie != session.identity().host_cookie) return out;
  kernel::Socket& host = session.context().route();
  for (const plan::Step& step : shared_steps(record, session.store().parts())) {
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    const auto port = vxlan && vxlan->master ? kernel::link_index(host, vxlan->link) : std::nullopt;
    if (!port) continue;
    for (const store::Nic& nic : record.nics)
      if (nic.bridge == *vxlan->master && kernel::is_behind(host, *port, nic.mac)) out.insert(nic.mac);
  }
  return out;
} catch (const base::Error& e) {
  session.log().write(Log::Level::warn, "whether a VM moved to another node is not known", {{"why", e.what()}});
  return {};
}

std::vector<std::string> take_away(Session& session, Held held, bool rest,
                                   const std::vector<store::Delegated>& present) {
  // The delegate first: a DHCP client says good-bye by the link. The record stays when either fails.
  std::vector<std::string> owed = give_lease_back(*held.record, present);
  return take_away_told(session, std::move(held), rest, std::move(owed));
}

std::vector<std::string> take_away_told(Session& session, Held held, bool rest, std::vector<std::string> owed) {
  const store::Record& record = *held.record;
  const std::set<net::Mac> moved = rest ? moved_away(session, record) : std::set<net::Mac>();
  std::vector<std::string> failed = std::move(owed);
  std::vector<std::string> left = undo_own(session, record);
  const bool undone = left.empty();
  for (std::string& line : left) failed.push_back(std::move(line));
  if (!undone) return failed;
  if (failed.empty()) {
    session.store().remove(record.owner, rest, moved);
  } else {
    store::Record debt = record;
    debt.plan.clear();
    debt.parts.clear();
    session.store().rewrite(debt);
  }
  held.vm.release();
  std::vector<store::PartRef> parts = record.parts;
  for (store::PartRef& stray : session.store().drop_stray_refs(record.owner))
    parts.push_back(std::move(stray));  // of an ADD that was killed
  for (std::string& line : release_switches(session, std::move(held.switches), parts, held.fresh))
    failed.push_back(std::move(line));
  return failed;
}

bool has_links(Session& session, const store::Record& record) {
  std::vector<net::IfName> links;
  for (const store::Nic& nic : record.nics) links.push_back(nic.host_link);
  return any_there(session, links);
}

bool in_its_netns(Session& session, const store::Record& record) {
  try {
    engine::Context pod(session.context().doomed(), session.context().switches());
    return pod.enter_pod(record.netns) == record.netns_cookie;
  } catch (const base::Error& e) {
    return e.code != base::Code::bad_environment;  // else the path leads to something else by now: as good as gone
  }
}

bool is_here(Session& session, const store::Record& record) {
  if (!store::is_adopted(record))
    return record.netns_cookie == session.context().pod_cookie() || in_its_netns(session, record);
  return std::any_of(record.nics.begin(), record.nics.end(), [&](const store::Nic& nic) {
    const auto host = kernel::get_link(session.context().route(), nic.host_link);
    const auto pod = host ? kernel::get_link(session.context().pod_route(), host->peer) : std::nullopt;
    return pod && pod->kind == "veth" && pod->peer == host->index;
  });
}

bool alive(Session& session, const store::Record& record) {
  return has_links(session, record) ||
         in_its_netns(session, record);  // the links first: a namespace costs ten times as much
}

namespace {

void heal(Session& session, const net::Owner& except, std::size_t looks) {
  for (const store::Glimpse& glimpse : session.store().next_few(looks)) {
    try {
      if (any_there(session, glimpse.host_links)) continue;
      const auto file = session.store().read(glimpse.name);
      if (!file || !file->record || file->record->owner == except || alive(session, *file->record)) continue;
      auto held = try_hold_attachment(session, file->record->owner);
      if (!held || !held->record || held->record->at != file->record->at) continue;
      for (const std::string& line : take_away(session, std::move(*held), true))
        session.log().write(Log::Level::warn, "self-heal left something", {{"what", line}});
    } catch (const base::Error& e) {
      session.log().write(Log::Level::warn, "self-heal skipped a record",
                          {{"record", glimpse.name}, {"why", e.what()}});
    }
  }
}

}  // namespace

void heal_some(Session& session, const net::Owner& except) { heal(session, except, kLooks); }

void heal_all(Session& session) { heal(session, {}, session.store().count()); }

}  // namespace trestle::app
