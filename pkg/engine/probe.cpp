#include "engine/probe.h"

#include "base/error.h"
#include "engine/apply.h"
#include "kernel/scratch_netns.h"

namespace trestle::engine {

void probe(const std::vector<plan::Step>& shared, const std::vector<plan::Step>& attachment) {
  const kernel::Home home;
  base::Fd pod;
  {
    const kernel::InScratchNetns inside(home);
    pod = inside.open();
  }
  const kernel::InScratchNetns host(home);
  Context context(0, 0);
  context.set_pod(std::move(pod));
  std::vector<plan::Step> steps;
  for (const plan::Step& step : shared)
    if (!std::holds_alternative<plan::File>(step)) steps.push_back(step);
  apply_shared(context, steps);
  if (!apply_attachment(context, attachment))
    throw base::Error(base::Code::bug, "probe: an nftables set that was just made is gone");
}

}  // namespace trestle::engine
