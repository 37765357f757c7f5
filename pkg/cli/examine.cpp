#include "cli/examine.h"

#include "app/chain_end.h"
#include "app/shared.h"
#include "base/error.h"
#include "engine/verify.h"

namespace trestle::cli {

namespace {

// "" when the context is in the record's pod now, else why it cannot be.
std::string enter_pod(engine::Context& context, const store::Record& record) {
  if (store::is_adopted(record)) return "its record was lost and is made anew: its namespace is not known";
  try {
    const auto cookie = context.enter_pod(record.netns);
    if (!cookie) return "the pod's namespace " + record.netns + " is gone; 'trestle gc' takes away what is left";
    if (cookie == record.netns_cookie) return "";
  } catch (const base::Error& e) {
    return e.what();
  }
  return record.netns + " is another pod's namespace by now; 'trestle gc' takes away what is left";
}

// Whose each Step of app::shared_steps is.
std::vector<net::IfName> switches_of(const store::Record& record, const std::vector<store::Part>& parts) {
  std::vector<net::IfName> out;
  for (const store::PartRef& ref : record.parts)
    for (const store::Part& part : parts)
      if (ref == store::PartRef{part.bridge, part.digest}) out.insert(out.end(), part.steps.size(), ref.bridge);
  return out;
}

}  // namespace

std::vector<Finding> examine(app::Session& session, const store::Record& record,
                             const std::vector<store::Part>& parts) {
  if (record.host_cookie != session.identity().host_cookie)
    return {{std::nullopt, "its switch is in another host namespace than this command; run it there"}};
  engine::Context context(session.context().doomed(), session.context().switches());
  std::vector<plan::Step> steps = app::shared_steps(record, parts);
  const std::vector<net::IfName> switches = switches_of(record, parts);
  std::vector<Finding> findings;
  app::Overrides by_chain;
  if (record.plan.empty()) findings.push_back({std::nullopt, "its DEL was begun and is not finished"});
  if (const std::string why = enter_pod(context, record); why.empty()) {
    steps.insert(steps.end(), record.plan.begin(), record.plan.end());
    by_chain = app::tolerated(context, record);
  } else {
    findings.push_back({std::nullopt, why});
  }
  for (const engine::Defect& defect : engine::verify(context, steps, by_chain))
    findings.push_back(
        {defect.step < switches.size() ? std::optional(switches[defect.step]) : std::nullopt, defect.text});
  return findings;
}

}  // namespace trestle::cli
