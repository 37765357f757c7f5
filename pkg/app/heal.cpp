#include "app/heal.h"

#include <algorithm>
#include <utility>

#include "app/chain_end.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "base/error.h"
#include "engine/apply.h"
#include "engine/verify.h"
#include "kernel/link.h"
#include "plan/plan.h"

namespace trestle::app {

namespace {

// What goes without its pod's links going: with the tables, or with a NIC of the host that went down and up.
bool is_element(const plan::Step& step) {
  const auto* neighbour = std::get_if<plan::Neighbour>(&step);
  return (neighbour && neighbour->proxy) || std::holds_alternative<plan::Elements>(step) ||
         std::holds_alternative<plan::Publish>(step);
}

std::vector<plan::Step> elements_of(const std::vector<plan::Step>& steps) {
  std::vector<plan::Step> out;
  for (const plan::Step& step : steps)
    if (is_element(step)) out.push_back(step);
  return out;
}

// Puts `more` to `all`: the ports of all pods become one Step, and so one transaction and one look at conntrack.
void gather(std::vector<plan::Step>& all, plan::Publish& ports, std::vector<plan::Step> more) {
  for (plan::Step& step : more)
    if (auto* publish = std::get_if<plan::Publish>(&step))
      ports.mappings.insert(ports.mappings.end(), publish->mappings.begin(), publish->mappings.end());
    else
      all.push_back(std::move(step));
}

bool here(Session& session, const store::Record& record) {
  return record.host_cookie == session.identity().host_cookie;
}

template <class F>
void attempt(std::vector<std::string>& failed, const std::string& what, F&& body) {
  try {
    body();
  } catch (const base::Error& e) {
    failed.push_back(what + ": " + e.what());
  }
}

// The caller holds every switch. Returns what could not be rebuilt: one damaged part or record does not keep the others.
std::vector<std::string> rebuild(Session& session, const std::vector<store::RecordFile>& records) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  std::vector<std::string> failed;
  for (const store::Part& part : parts_in_force(session))
    attempt(failed, "switch " + part.bridge.str(), [&] {
      engine::apply_shared(session.context(), part.steps);
      const bool has_rules = std::any_of(part.steps.begin(), part.steps.end(), [&](const plan::Step& step) {
        return plan::object_key(step) == plan::object_key(plan::Rules{part.bridge.str(), {}});
      });
      if (has_rules) session.store().set_ready({part.bridge, part.digest}, true);
    });
  std::vector<plan::Step> all;  // of all records: one transaction
  plan::Publish ports;
  for (const store::RecordFile& file : records)
    if (file.record && here(session, *file.record)) gather(all, ports, elements_of(file.record->plan));
  if (!ports.mappings.empty()) all.emplace_back(std::move(ports));
  std::vector<std::string> together;
  attempt(together, "elements", [&] { engine::reapply_attachment(session.context(), all); });
  if (together.empty()) return failed;
  for (const store::RecordFile& file : records)
    if (file.record && here(session, *file.record))
      attempt(failed, file.record->owner.container,
              [&] { engine::reapply_attachment(session.context(), elements_of(file.record->plan)); });
  return failed;
}

// Those alone that are wrong: others may be as a chained plugin wants them, and the NIC's name may be another link's by now (KubeVirt gives it
// away). A pod whose link is gone needs them all again.
std::vector<plan::Step> to_make(Session& session, const store::Record& record,
                                const std::vector<engine::Defect>& defects) {
  for (const store::Nic& nic : record.nics)
    if (nic.on_host && !kernel::link_index(session.context().route(), nic.host_link)) return record.plan;
  std::vector<plan::Step> wrong;
  for (const engine::Defect& defect : defects)
    if (wrong.empty() || wrong.back() != record.plan[defect.step]) wrong.push_back(record.plan[defect.step]);
  return wrong;
}

void mend(Session& session, const store::Record& record, Repaired& report) {
  constexpr int kPasses = 4;  // what depends on a link that was wrong is told when that is right
  engine::Context context(session.context().doomed(), session.context().switches());
  if (context.enter_pod(record.netns) != record.netns_cookie) return;  // gone: GC or DEL takes it away
  const Overrides by_chain = tolerated(context, record);
  auto defects = engine::verify(context, record.plan, by_chain);
  if (defects.empty()) return;
  for (int pass = 0; pass < kPasses && !defects.empty(); ++pass) {
    try {
      engine::reapply_attachment(context, to_make(session, record, defects));
    } catch (const base::Error& e) {  // what is wrong says more than what the kernel refuses
      report.left.push_back(record.owner.container + ": " + defects.front().text + " (" + e.what() + ")");
      return;
    }
    const auto before = std::exchange(defects, engine::verify(context, record.plan, by_chain));
    if (std::ranges::equal(before, defects, {}, &engine::Defect::text, &engine::Defect::text)) break;
  }
  if (defects.empty()) ++report.mended;
  for (const engine::Defect& defect : defects) report.left.push_back(record.owner.container + ": " + defect.text);
}

}  // namespace

void heal_tables(Session& session) {
  const store::Lock all = session.store().locks().all_switches_exclusive(session.deadline());
  for (const std::string& line : rebuild(session, session.store().list()))
    session.log().write(Log::Level::warn, "healing left something", {{"what", line}});
}

Repaired repair(Session& session) {
  const store::Lock all = session.store().locks().all_switches_exclusive(session.deadline());
  const auto records = session.store().list();
  Repaired report;
  report.left = rebuild(session, records);
  for (const store::Part& part : parts_in_force(session))
    for (const engine::Defect& defect : engine::verify(session.context(), part.steps))
      report.left.push_back("switch " + part.bridge.str() + ": " + defect.text);
  for (std::string& line : repair_tunnels(session, report.entries)) report.left.push_back(std::move(line));
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

void until_whole(Session& session, const std::function<bool()>& once) {
  constexpr int kMaxFlushes = 4;
  for (int flushes = 0; !once(); ++flushes) {
    if (flushes == kMaxFlushes)
      throw base::Error(base::Code::kernel,
                        "nftables table trestle vanishes as fast as it is made: something on this host flushes the "
                        "ruleset all the time");
    session.log().write(Log::Level::warn,
                        "nftables objects or proxy entries of ours were flushed; rebuilding them from the records");
    heal_tables(session);
  }
}

}  // namespace trestle::app
