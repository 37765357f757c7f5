#include "app/attach.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/attachment.h"
#include "app/by_name.h"
#include "app/delegated.h"
#include "app/kin.h"
#include "app/ports.h"
#include "app/reserve.h"
#include "app/shared.h"
#include "base/error.h"
#include "cni/result.h"
#include "engine/apply.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// The pod's namespace went away under an ADD: the runtime need not call DEL, because nothing is left (SPEC, code 3).
bool pod_vanished(Session& session, const cni::Request& request) {
  try {
    engine::Context other(session.context().doomed(), session.context().switches());
    return other.enter_pod(request.netns) != session.context().pod_cookie();
  } catch (const Error& e) {
    return e.code == Code::bad_environment;  // the path leads to something else; a lack of memory says nothing
  }
}

// Undoes an ADD on every way out but commit(): kernel objects, record, and the refs on the switches' parts, in the order of a DEL.
class Rollback {
 public:
  Rollback(Session& session, const net::Owner& owner, Ground held)
      : session_(session), owner_(owner), ground_(std::move(held)) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() { run(); }
  void commit() noexcept { done_ = true; }
  // From here on there is a record of this ADD, and what it names is undone too.
  const store::Record& reserved(store::Record record) { return record_.emplace(std::move(record)); }
  const Ground& on() const { return ground_; }

  // Now, instead of at the end. True when nothing is left.
  bool run() noexcept {
    if (std::exchange(done_, true)) return true;
    std::vector<std::string> failed;
    try {
      if (record_) failed = undo_own(session_, *record_);
      if (failed.empty()) {
        if (record_) session_.store().remove(owner_, false);
        static_cast<void>(session_.store().drop_stray_refs(owner_));
        failed = release_switches(session_, ground_.take_locks(), ground_.parts(), ground_.fresh());
      }
      for (const std::string& line : failed)
        session_.log().write(Log::Level::error, "rollback left something; DEL will take it away", {{"what", line}});
      return failed.empty();
    } catch (const std::exception&) {
      return false;  // DEL will take it away
    }
  }

 private:
  Session& session_;
  net::Owner owner_;
  Ground ground_;
  std::optional<store::Record> record_;
  bool done_ = false;
};

// An attachment of this owner that is whole refuses the ADD and is left alone; a left-over is undone first. Returns the parts that the
// left-over needed. The caller holds the attachment.
std::vector<store::PartRef> clear_old(Session& session, const Job& job) {
  const net::Owner& owner = job.owner;
  if (!session.store().exists(owner)) return {};
  std::optional<store::Record> old;
  try {
    old = session.store().find(owner);
  } catch (const Error& e) {
    if (e.code != Code::store) throw;
  }
  std::vector<std::string> failed;
  std::optional<store::Lock> vm;  // until its record is gone
  if (!old) {
    failed = take_away_by_name(session, owner, job.request.netns);
  } else {
    if (has_links(session, *old) && is_here(session, *old))
      throw Error(Code::already_attached, "container " + owner.container + " has " + owner.ifname + " on network '" +
                                              owner.network + "' already; DEL it first");
    vm = try_hold_vm(session, old->vm);  // the caller may hold another already
    if (!vm)
      throw Error(Code::try_again, "a stale attachment of " + owner.container + "/" + owner.ifname + " is of VM " +
                                       old->vm + ", which another call works on");
    failed = give_lease_back(*old, delegates_of(job.conf, job.request));
    for (std::string& line : undo_own(session, *old)) failed.push_back(std::move(line));
  }
  if (!failed.empty())
    throw Error(Code::teardown, "a stale attachment of " + owner.container + "/" + owner.ifname + " cannot be removed",
                failed.front());
  session.store().remove(owner, true);
  return old ? old->parts : std::vector<store::PartRef>{};
}

// Frees a port of the host that a pod holds which is gone already; else says whose it is. `e`: what the kernel's answer came to.
void free_port(Session& session, const store::Record& mine, const Error& e) {
  const auto holder = port_holder(session, mine);
  if (!holder) throw e;
  auto held = alive(session, *holder) ? std::nullopt : try_hold_attachment(session, holder->owner);
  if (held && held->record && held->record->at == holder->at && take_away(session, std::move(*held), true).empty())
    return;
  throw Error(Code::held, std::string(e.what()) + "; it is of container " + holder->owner.container + "/" +
                              holder->owner.ifname + " of network '" + holder->owner.network +
                              "': take another hostPort, or DEL that one");
}

}  // namespace

bool make(Session& session, const store::Record& record, const std::vector<plan::Step>& steps) {
  try {
    return engine::apply_attachment(session.context(), steps);
  } catch (const Error& e) {
    if (e.code != Code::held) throw;
    free_port(session, record, e);
    return engine::apply_attachment(session.context(), steps);
  }
}

bool attach(Session& session, const Job& job, const Tell& tell, Trail& trail) {
  store::Lock attachment, vm;  // outlive the rollback: what it undoes must not be another ADD's
  Rollback rollback(session, job.owner, Ground(session, job.conf, job.owner));
  attachment = session.store().locks().attachment(job.owner, session.deadline());
  if (rollback.on().flushed()) return false;
  vm = hold_vm(session, job.conf.vm);
  if (session.store().departed_since_start(job.owner))
    throw Error(Code::try_again, "a DEL of " + job.owner.container + "/" + job.owner.ifname +
                                     " came while this ADD was waiting; it is not attached");
  for (store::PartRef& part : clear_old(session, job)) trail.left.push_back(std::move(part));
  for (store::PartRef& part : rollback.on().fresh()) trail.fresh.push_back(std::move(part));
  cni::Result result;
  const store::Record& record = rollback.reserved(reserve(session, job, rollback.on(), result));
  try {
    if (!make(session, record, record.plan)) return false;
    for (const std::string& note : session.context().take_notes()) session.log().write(Log::Level::warn, note);
    if (!session.store().exists(job.owner))
      throw Error(Code::try_again, "the record of " + job.owner.container + "/" + job.owner.ifname +
                                       " was removed during its ADD; it is not attached");
    if (!tell(result)) throw Error(Code::io, "the result cannot be written to stdout; the attachment is undone");
  } catch (const Error& e) {
    if (rollback.run() && e.code != Code::io && pod_vanished(session, job.request))
      throw Error(Code::unknown_container,
                  "the pod's namespace '" + job.request.netns + "' went away during ADD; nothing is left of it",
                  e.what());
    throw;
  }
  rollback.commit();
  return true;
}

}  // namespace trestle::app
