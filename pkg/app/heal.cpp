#include "app/heal.h"

#include "base/error.h"
#include "engine/apply.h"
#include "engine/verify.h"
#include "kernel/netns.h"

namespace trestle::app {

namespace {

std::vector<plan::Step> elements_of(const std::vector<plan::Step>& steps) {
  std::vector<plan::Step> out;
  for (const plan::Step& step : steps)
    if (std::holds_alternative<plan::Elements>(step)) out.push_back(step);
  return out;
}

bool here(Session& session, const store::Record& record) { return record.host_cookie == session.identity().host_cookie; }

// The caller holds every switch.
void rebuild(Session& session, const std::vector<store::RecordFile>& records) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  for (const store::Part& part : session.store().parts()) {
    engine::apply_shared(session.context(), part.steps);
    session.store().set_ready({part.bridge, part.digest}, true);
  }
  std::vector<plan::Step> elements;   // of all records: one transaction
  for (const store::RecordFile& file : records)
    if (file.record && here(session, *file.record))
      for (plan::Step& step : elements_of(file.record->plan)) elements.push_back(std::move(step));
  engine::reapply_attachment(session.context(), elements);
}

// false: the pod is gone; there is nothing to mend, GC or DEL takes it away.
bool enter(engine::Context& context, const store::Record& record) {
  auto netns = kernel::open_netns(record.netns);
  if (!netns) return false;
  context.set_pod(std::move(*netns));
  return context.pod_cookie() == record.netns_cookie;
}

void mend(Session& session, const store::Record& record, Repaired& report) {
  engine::Context context(session.context().doomed());
  if (!enter(context, record)) return;
  auto defects = engine::verify(context, record.plan);
  if (defects.empty()) return;
  engine::reapply_attachment(context, record.plan);
  defects = engine::verify(context, record.plan);
  if (defects.empty()) ++report.mended;
  for (const engine::Defect& defect : defects) report.left.push_back(record.owner.container + ": " + defect.text);
}

}  // namespace

void heal_tables(Session& session) {
  const store::Lock all = session.store().locks().all_switches_exclusive(session.deadline());
  rebuild(session, session.store().list());
}

Repaired repair(Session& session) {
  const store::Lock all = session.store().locks().all_switches_exclusive(session.deadline());
  const auto records = session.store().list();
  rebuild(session, records);
  Repaired report;
  for (const store::RecordFile& file : records) {
    if (!file.record) {
      report.left.push_back("record " + file.name + ": " + file.why);
      continue;
    }
    ++report.attachments;
    if (!here(session, *file.record)) continue;
    try {
      mend(session, *file.record, report);
    } catch (const base::Error& e) {
      report.left.push_back(file.record->owner.container + ": " + e.what());
    }
  }
  return report;
}

}  // namespace trestle::app
