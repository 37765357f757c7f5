#include <algorithm>
#include <set>

#include "app/attachment.h"
#include "app/shared.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/stray.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kTogether = 100;

// Undoes a batch of dead attachments together, and lets go of them. Returns what is left.
std::vector<std::string> bury(Session& session, std::vector<Held> dead) {
  std::vector<const std::vector<plan::Step>*> plans;
  for (const Held& held : dead)
    if (held.record->host_cookie == session.identity().host_cookie) plans.push_back(&held.record->plan);
  auto failed = engine::undo_many(session.context(), plans);
  if (!failed.empty()) return failed;
  std::vector<store::PartRef> parts;
  std::vector<store::Lock> locks;
  for (Held& held : dead) {
    session.store().remove(held.record->owner, true);
    for (const store::PartRef& part : held.record->parts)
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    for (store::Lock& lock : held.switches) locks.push_back(std::move(lock));
  }
  return release_switches(session, std::move(locks), parts);
}

void append(std::vector<std::string>& to, std::vector<std::string> lines) {
  for (std::string& line : lines) to.push_back(std::move(line));
}

std::vector<std::string> remove_dead(Session& session, const config::Minimal& conf, std::uint64_t start) {
  const std::set<net::Owner> valid(conf.valid->begin(), conf.valid->end());
  std::vector<std::string> failed;
  std::vector<Held> dead;
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record || file.record->owner.network != conf.name || valid.contains(file.record->owner)) continue;
    if (file.record->at >= start) continue;  // an ADD that came after us
    auto held = try_hold_attachment(session, file.record->owner);
    if (!held || !held->record || held->record->at != file.record->at) continue;
    dead.push_back(std::move(*held));
    if (dead.size() >= kTogether) append(failed, bury(session, std::exchange(dead, {})));
  }
  if (!dead.empty()) append(failed, bury(session, std::move(dead)));
  return failed;
}

// Links of this network's group, and elements, that no record names: the store was lost or damaged.
void sweep_kernel(Session& session, const config::Minimal& conf) {
  const std::uint32_t group = net::link_group(session.settings().state_dir, conf.name);
  const auto links =
      kernel::dump_links(session.context().route());  // before the records are read: an ADD writes its record first
  const auto mentioned = kernel::mentioned_links(session.context().nft());
  std::set<std::string> known;
  for (const net::Owner& owner : *conf.valid)  // a living pod whose record was lost keeps its link
    known.insert(net::host_link_name(owner, net::IfName::parse(owner.ifname)).str());
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record) return;  // it may be the one that names them
    for (const store::Nic& nic : file.record->nics) known.insert(nic.host_link.str());
  }
  std::set<std::string> stray;
  std::set<std::string> living;
  for (const kernel::LinkInfo& link : links) {
    living.insert(link.name);
    if (link.group != group || known.contains(link.name)) continue;
    kernel::remove_stray_link(session.context().route(), net::IfName::parse(link.name), group);
    stray.insert(link.name);
  }
  for (const std::string& link : mentioned)
    if (!known.contains(link) && !living.contains(link)) stray.insert(link);
  if (!stray.empty()) kernel::remove_stray_elements(session.context().nft(), stray);
}

}  // namespace

void gc(Session& session, const config::Minimal& conf) {
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
  attempt("dead attachments", [&] { append(failed, remove_dead(session, conf, start)); });
  attempt("links without a record", [&] { sweep_kernel(session, conf); });
  attempt("store", [&] { session.store().sweep(); });
  attempt("switches", [&] { append(failed, release_unused(session)); });
  attempt("switches of a lost store", [&] { append(failed, release_unknown(session)); });
  if (!failed.empty())
    throw Error(Code::teardown, "GC of network '" + conf.name + "' left something; run it again",
                base::join(failed, "\n"));
}

}  // namespace trestle::app
