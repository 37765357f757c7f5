#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "app/attachment.h"
#include "app/by_name.h"
#include "app/delegated.h"
#include "app/kin.h"
#include "app/ports.h"
#include "app/shared.h"
#include "app/stray.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "cni/json.h"
#include "delegate/plugin.h"
#include "engine/service.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "modes/guest_services.h"
#include "net/alias.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kTogether = 100;

void append(std::vector<std::string>& to, std::vector<std::string> lines) {
  for (std::string& line : lines) to.push_back(std::move(line));
}

// Undoes a batch of dead attachments together, and lets go of them. Returns what is left.
std::vector<std::string> bury(Session& session, std::vector<Held> dead, const config::Minimal& conf,
                              const cni::Request& request) {
  std::vector<Held> given_back;
  std::vector<std::string> kept;
  for (Held& held : dead) {
    const auto present = delegates_of(conf, request, held.record->owner.ifname);
    if (std::vector<std::string> owed = give_lease_back(*held.record, present); owed.empty())
      given_back.push_back(std::move(held));
    else
      append(kept, take_away_told(session, std::move(held), true, std::move(owed)));
  }
  dead = std::move(given_back);
  std::vector<std::vector<plan::Step>> own;
  std::set<net::Owner> going;
  for (const Held& held : dead) going.insert(held.record->owner);
  for (const Held& held : dead)
    own.push_back(held.record->host_cookie == session.identity().host_cookie ? own_steps(session, *held.record, going)
                                                                             : std::vector<plan::Step>{});
  std::vector<const std::vector<plan::Step>*> plans;
  std::vector<std::string> failed;
  for (std::size_t i = 0; i < dead.size(); ++i)
    if (reaches_into_pod(own[i]) && in_its_netns(session, *dead[i].record))
      append(failed, undo(session, *dead[i].record, own[i]));
    else
      plans.push_back(&own[i]);
  append(failed, engine::undo_many(session.context(), plans));
  for (std::size_t i = 0; i < dead.size(); ++i) restore_kin(session, *dead[i].record, own[i], going);
  append(failed, kept);
  if (failed.size() > kept.size()) return failed;
  std::vector<store::PartRef> parts;
  std::vector<store::Lock> locks;
  for (Held& held : dead) {
    session.store().remove(held.record->owner, true);
    for (const store::PartRef& part : held.record->parts)
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    for (store::Lock& lock : held.switches) locks.push_back(std::move(lock));
  }
  append(failed, release_switches(session, std::move(locks), parts));
  return failed;
}

// Whose a damaged record is, where that can be proven: its name is a hash that its own text, a link's alias or the runtime's list matches.
std::optional<net::Owner> owner_of_damaged(const store::RecordFile& file, const std::vector<net::Owner>& candidates) {
  if (file.owner) return file.owner;
  for (const net::Owner& owner : candidates)
    if (base::hex(net::owner_hash(owner), 16) == file.name) return owner;
  return std::nullopt;
}

// The owners that the aliases of our links tell.
std::vector<net::Owner> owners_of_links(Session& session) {
  std::vector<net::Owner> out;
  for (const kernel::LinkInfo& link : kernel::dump_links(session.context().route())) {
    const auto owner = net::alias_owner(link.alias);
    if (owner && link.group == net::link_group(session.settings().state_dir, owner->network)) out.push_back(*owner);
  }
  return out;
}

// Records that cannot be read: those of this network go like any other; one that is nobody's for all we can tell is named.
std::vector<std::string> remove_damaged(Session& session, const config::Minimal& conf) {
  std::vector<store::RecordFile> damaged = session.store().list();
  std::erase_if(damaged, [](const store::RecordFile& file) { return file.record.has_value(); });
  std::vector<std::string> failed;
  if (damaged.empty()) return failed;
  std::vector<net::Owner> candidates = owners_of_links(session);
  candidates.insert(candidates.end(), conf.valid->begin(), conf.valid->end());
  for (const store::RecordFile& file : damaged) {
    const auto owner = owner_of_damaged(file, candidates);
    if (!owner) {
      failed.push_back("record " + session.store().directory() + "/records/" + file.name +
                       ".json is damaged and does not tell whose it is (" + file.why +
                       "); DEL its pod, or remove the file if its pod is gone");
      continue;
    }
    if (owner->network != conf.name || std::find(conf.valid->begin(), conf.valid->end(), *owner) != conf.valid->end())
      continue;
    const auto held = try_hold_attachment(session, *owner);
    if (!held || !held->unreadable) continue;
    auto left = take_away_by_name(session, *owner, "");
    if (left.empty()) session.store().remove(*owner, true);
    append(failed, std::move(left));
  }
  return failed;
}

std::vector<std::string> remove_dead(Session& session, const cni::Request& request, const config::Minimal& conf,
                                     std::uint64_t start) {
  const std::set<net::Owner> valid(conf.valid->begin(), conf.valid->end());
  std::vector<std::string> failed;
  std::vector<Held> dead;
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record || file.record->owner.network != conf.name || valid.contains(file.record->owner)) continue;
    if (file.record->at >= start) continue;  // an ADD that came after us
    auto held = try_hold_attachment(session, file.record->owner);
    if (!held || !held->record || held->record->at != file.record->at) continue;
    dead.push_back(std::move(*held));
    if (dead.size() >= kTogether) append(failed, bury(session, std::exchange(dead, {}), conf, request));
  }
  if (!dead.empty()) append(failed, bury(session, std::move(dead), conf, request));
  return failed;
}

// Links that have an owner: by their names, by their aliases (whoever renamed a living pod's link has left it), and by whose they say to be.
struct Known {
  std::set<std::string> names, aliases;
  std::set<net::Owner> owners;
  void put(const net::IfName& host_link) {
    names.insert(host_link.str());
    names.insert(net::ifb_name(host_link).str());
  }
  bool has(const kernel::LinkInfo& link) const {
    if (names.contains(link.name) || aliases.contains(link.alias)) return true;
    const auto owner = net::alias_owner(link.alias);
    return owner && owners.contains(*owner);
  }
};

// nullopt: a record cannot be read, and may be the one that names them.
std::optional<Known> known_links(Session& session, const config::Minimal& conf) {
  Known known;
  for (const net::Owner& owner : *conf.valid) {  // a living pod whose record was lost keeps its link
    known.put(net::host_link_name(owner, net::IfName::parse(owner.ifname)));
    known.owners.insert(owner);
  }
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record) return std::nullopt;
    for (const store::Nic& nic : file.record->nics) known.put(nic.host_link);
    for (const plan::Step& step : file.record->plan)
      if (const auto* veth = std::get_if<plan::Veth>(&step)) known.aliases.insert(veth->alias);
  }
  return known;
}

// Links of this network's group, and elements, that no record names: the store was lost or damaged.
std::vector<std::string> sweep_kernel(Session& session, const config::Minimal& conf) {
  const std::uint32_t group = net::link_group(session.settings().state_dir, conf.name);
  const auto links =
      kernel::dump_links(session.context().route());  // before the records are read: an ADD writes its record first
  const auto mentioned = mentioned_links(session);
  const auto known = known_links(session, conf);
  if (!known) return {};
  std::set<std::string> stray, living;
  std::vector<plan::Step> steps;
  for (const kernel::LinkInfo& link : links) {
    living.insert(link.name);
    if (link.group != group || known->has(link)) continue;
    const net::IfName name = net::IfName::parse(link.name);
    steps.push_back(link.kind == "ifb" ? ifb_step(name, group) : veth_step(name, group));
    stray.insert(link.name);
  }
  for (const std::string& link : mentioned)
    if (!known->names.contains(link) && !living.contains(link)) stray.insert(link);
  if (stray.empty()) return {};
  for (plan::Step& step : elements_of(session, stray)) steps.push_back(std::move(step));
  for (const std::string& link : stray) engine::forget_guest(modes::services_root(session.settings().state_dir), link);
  return engine::undo(session.context(), steps);
}

// A delegate knows leases of this network that are no attachments of it: of NICs that another configuration's `interfaces` puts here. nullopt:
// of some record it is not known whether it has any, and no lease that is in use may be called invalid.
std::optional<plan::Delegate> with_visitors(Session& session, plan::Delegate delegate, const std::string& network) {
  nlohmann::json conf = cni::parse_json(delegate.conf);
  for (const store::RecordFile& file : session.store().list()) {
    if (file.record && file.record->owner.network == network) continue;
    if (!file.record || store::is_adopted(*file.record)) return std::nullopt;
    for (const store::Delegated& one : file.record->delegates) {
      if (cni::parse_json(one.delegate.conf).value("name", "") != network) continue;
      for (const char* key : config::kValidKeys)
        if (const auto list = conf.find(key); list != conf.end() && list->is_array())
          list->push_back({{"containerID", file.record->owner.container}, {"ifname", one.nic.str()}});
    }
  }
  delegate.conf = conf.dump();
  return delegate;
}

}  // namespace

void gc(Session& session, const cni::Request& request, const config::Minimal& conf) {
  if (!conf.valid)
    throw Error(Code::bad_config,
                "GC needs 'cni.dev/valid-attachments' in the configuration; without it nothing is removed (an empty "
                "list means: none is valid)");
  const std::uint64_t start = boottime();
  std::vector<std::string> failed;
  const auto attempt = [&](const char* what, const auto& body) {
    try {
      body();
    } catch (const Error& e) {
      failed.push_back(std::string(what) + ": " + e.what());
    }
  };
  attempt("dead attachments", [&] { append(failed, remove_dead(session, request, conf, start)); });
  attempt("damaged records", [&] { append(failed, remove_damaged(session, conf)); });
  attempt("links without a record", [&] { append(failed, sweep_kernel(session, conf)); });
  attempt("published ports without a record", [&] { append(failed, sweep_ports(session)); });
  attempt("store", [&] { session.store().sweep(); });
  attempt("switches", [&] { append(failed, release_unused(session)); });
  attempt("switches of a lost store", [&] { append(failed, release_unknown(session)); });
  for (const config::Minimal::Nic& one : conf.delegates)
    if (one.collects)
      attempt("delegated IPAM", [&] {
        if (const auto all = called(with_visitors(session, one.delegate, conf.name), request))
          delegate::call_if_known(*all, "GC");
        else
          session.log().write(Log::Level::warn, "GC is not passed on to the IPAM plugin: a pod's record was lost");
      });
  if (!failed.empty())
    throw Error(Code::teardown, "GC of network '" + conf.name + "' left something; run it again",
                base::join(failed, "\n"));
}

}  // namespace trestle::app
