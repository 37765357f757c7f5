#include "app/attachment.h"

#include <algorithm>
#include <set>

#include "app/shared.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/stray.h"
#include "net/names.h"

namespace trestle::app {

namespace {

constexpr int kMaxRaces = 8;
constexpr std::size_t kLooks = 1;  // records per ADD: one costs as much as a read and two gets

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

// `take_switch` and `take_attachment` return false when the lock cannot be had now.
template <class TakeSwitch, class TakeAttachment>
std::optional<Held> hold(Session& session, const net::Owner& owner, TakeSwitch take_switch,
                         TakeAttachment take_attachment) {
  for (int race = 0; race < kMaxRaces; ++race) {
    Held held;
    read_record(session, owner, held);
    const auto bridges = bridges_of(held.record);
    for (const net::IfName& bridge : bridges)
      if (!take_switch(bridge, held)) return std::nullopt;
    if (!take_attachment(held)) return std::nullopt;
    // The record was read without a lock: an ADD may have written it since, or a DEL removed it.
    read_record(session, owner, held);
    if (bridges_of(held.record) == bridges) return held;
  }
  throw base::Error(base::Code::try_again,
                    "attachment " + owner.container + "/" + owner.ifname + " keeps changing; try again");
}

}  // namespace

Held hold_attachment(Session& session, const net::Owner& owner) {
  store::Locks& locks = session.store().locks();
  return *hold(
      session, owner,
      [&](const net::IfName& bridge, Held& held) {
        held.switches.push_back(locks.switch_shared(bridge, session.deadline()));
        return true;
      },
      [&](Held& held) {
        held.attachment = locks.attachment(owner, session.deadline());
        return true;
      });
}

std::optional<Held> try_hold_attachment(Session& session, const net::Owner& owner) {
  store::Locks& locks = session.store().locks();
  return hold(
      session, owner,
      [&](const net::IfName& bridge, Held& held) {
        auto lock = locks.try_switch_shared(bridge);
        if (lock) held.switches.push_back(std::move(*lock));
        return lock.has_value();
      },
      [&](Held& held) {
        auto lock = locks.try_attachment(owner);
        if (lock) held.attachment = std::move(*lock);
        return lock.has_value();
      });
}

std::vector<std::string> take_away(Session& session, Held held, bool rest) {
  const store::Record& record = *held.record;
  if (record.host_cookie == session.identity().host_cookie) {
    auto failed = engine::undo(session.context(), record.plan);
    if (!failed.empty()) return failed;
  }
  session.store().remove(record.owner, rest);
  std::vector<store::PartRef> parts = record.parts;
  for (store::PartRef& stray : session.store().drop_stray_refs(record.owner))
    parts.push_back(std::move(stray));  // of an ADD that was killed
  return release_switches(session, std::move(held.switches), parts);
}

std::vector<std::string> take_away_by_name(Session& session, const net::Owner& owner) {
  std::vector<std::string> failed;
  try {
    const net::IfName link = net::host_link_name(owner, net::IfName::parse(owner.ifname));
    kernel::remove_stray_link(session.context().route(), link,
                              net::link_group(session.settings().state_dir, owner.network));
    kernel::remove_stray_elements(session.context().nft(), {link.str()});
  } catch (const base::Error& e) {
    failed.emplace_back(e.what());
  }
  return failed;
}

bool has_links(Session& session, const store::Record& record) {
  return std::any_of(record.nics.begin(), record.nics.end(), [&](const store::Nic& nic) {
    return kernel::get_link(session.context().route(), nic.host_link).has_value();
  });
}

bool in_its_netns(Session& session, const store::Record& record) {
  try {
    auto netns = kernel::open_netns(record.netns);
    if (!netns) return false;
    engine::Context pod(session.context().doomed(), session.context().switches());
    pod.set_pod(std::move(*netns));
    return pod.pod_cookie() == record.netns_cookie;
  } catch (const base::Error& e) {
    return e.code != base::Code::bad_environment;  // else the path leads to something else by now: as good as gone
  }
}

bool alive(Session& session, const store::Record& record) {
  return has_links(session, record) ||
         in_its_netns(session, record);  // the links first: a namespace costs ten times as much
}

void heal_some(Session& session, const net::Owner& except) {
  for (const store::RecordFile& file : session.store().next_few(kLooks)) {
    if (!file.record || file.record->owner == except) continue;
    try {
      if (alive(session, *file.record)) continue;
      auto held = try_hold_attachment(session, file.record->owner);
      if (!held || !held->record || held->record->at != file.record->at) continue;
      for (const std::string& line : take_away(session, std::move(*held), true))
        session.log().write(Log::Level::warn, "self-heal left something", {{"what", line}});
    } catch (const base::Error& e) {
      session.log().write(Log::Level::warn, "self-heal skipped a record", {{"record", file.name}, {"why", e.what()}});
    }
  }
}

}  // namespace trestle::app
