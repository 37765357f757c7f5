#include "app/kin.h"

#include <algorithm>

#include "app/attachment.h"
#include "base/error.h"
#include "engine/apply.h"
#include "engine/undo.h"

namespace trestle::app {

namespace {

std::vector<store::Record> staying(Session& session, const store::Record& record, const std::set<net::Owner>& going) {
  std::vector<store::Record> kin = session.store().kin(record);
  std::erase_if(kin, [&](const store::Record& other) {
    return going.contains(other.owner) || other.host_cookie != record.host_cookie;
  });
  return kin;
}

bool publishes(const plan::Step& step) { return std::holds_alternative<plan::Publish>(step); }

}  // namespace

store::Lock hold_vm(Session& session, const std::string& vm) {
  return vm.empty() ? store::Lock() : session.store().locks().vm(vm, session.deadline());
}

std::optional<store::Lock> try_hold_vm(Session& session, const std::string& vm) {
  return vm.empty() ? store::Lock() : session.store().locks().try_vm(vm);
}

std::vector<plan::Step> own_steps(Session& session, const store::Record& record, const std::set<net::Owner>& going) {
  if (record.vm.empty()) return record.plan;
  std::vector<std::vector<plan::Step>> kept;
  for (store::Record& other : staying(session, record, going)) kept.push_back(std::move(other.plan));
  return plan::unnamed(record.plan, kept);
}

void restore_kin(Session& session, const store::Record& record, const std::vector<plan::Step>& own,
                 const std::set<net::Owner>& going) {
  if (record.vm.empty() || std::none_of(own.begin(), own.end(), publishes)) return;
  try {
    std::vector<plan::Step> theirs;
    for (const store::Record& other : staying(session, record, going))
      std::copy_if(other.plan.begin(), other.plan.end(), std::back_inserter(theirs), publishes);
    engine::reapply_attachment(session.context(), theirs);
  } catch (const base::Error& e) {
    session.log().write(Log::Level::warn,
                        "published ports of a VM's other pod are not put back; 'trestle repair' does it",
                        {{"vm", record.vm}, {"why", e.what()}});
  }
}

std::vector<std::string> undo_own(Session& session, const store::Record& record) {
  if (record.vm.empty()) return undo(session, record, record.plan);
  const std::vector<plan::Step> own = own_steps(session, record, {});
  auto failed = undo(session, record, own);
  restore_kin(session, record, own, {});
  return failed;
}

}  // namespace trestle::app
