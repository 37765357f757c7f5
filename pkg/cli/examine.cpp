#include "cli/examine.h"

#include "base/error.h"
#include "engine/verify.h"
#include "kernel/netns.h"

namespace trestle::cli {

namespace {

// "" when the context is in the record's pod now, else why it cannot be.
std::string enter_pod(engine::Context& context, const store::Record& record) {
  try {
    auto netns = kernel::open_netns(record.netns);
    if (!netns) return "the pod's namespace " + record.netns + " is gone; 'trestle gc' takes away what is left";
    context.set_pod(std::move(*netns));
  } catch (const base::Error& e) {
    return e.what();
  }
  if (context.pod_cookie() == record.netns_cookie) return "";
  return record.netns + " is another pod's namespace by now; 'trestle gc' takes away what is left";
}

}  // namespace

std::vector<plan::Step> shared_steps(const store::Record& record, const std::vector<store::Part>& parts) {
  std::vector<plan::Step> steps;
  for (const store::PartRef& ref : record.parts)
    for (const store::Part& part : parts)
      if (ref == store::PartRef{part.bridge, part.digest})
        steps.insert(steps.end(), part.steps.begin(), part.steps.end());
  return steps;
}

std::vector<Finding> examine(app::Session& session, const store::Record& record,
                             const std::vector<store::Part>& parts) {
  if (record.host_cookie != session.identity().host_cookie)
    return {{false, "its switch is in another host namespace than this command; run it there"}};
  engine::Context context(session.context().doomed(), session.context().switches());
  std::vector<plan::Step> steps = shared_steps(record, parts);
  const std::size_t shared = steps.size();
  std::vector<Finding> findings;
  if (const std::string why = enter_pod(context, record); why.empty()) {
    steps.insert(steps.end(), record.plan.begin(), record.plan.end());
  } else {
    findings.push_back({false, why});
  }
  for (const engine::Defect& defect : engine::verify(context, steps))
    findings.push_back({defect.step < shared, defect.text});
  return findings;
}

}  // namespace trestle::cli
