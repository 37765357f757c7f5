#include "engine/publish.h"

#include "base/error.h"
#include "kernel/conntrack.h"
#include "kernel/nft_publish.h"
#include "plan/plan.h"

namespace trestle::engine {

bool make(Context& context, const plan::Publish& step) {
  const kernel::PublishOutcome outcome = kernel::add_published(context.nft(), step.mappings);
  if (outcome.flushed) return false;
  if (outcome.held)
    throw base::Error(base::Code::held, plan::describe(plan::Publish{{outcome.held->wanted}}) +
                                            ": the port is taken, " +
                                            plan::describe(plan::Publish{{outcome.held->has}}));
  kernel::forget_stale_udp(context.nft(), context.route(), step.mappings);
  return true;
}

std::vector<std::string> defects_of(Context& context, const plan::Publish& step) {
  return kernel::missing_published(context.nft(), step.mappings);
}

void take_away(Context& context, const plan::Publish& step) {
  kernel::remove_published(context.nft(), step.mappings);
  kernel::forget_udp_to(context.nft(), step.mappings);
}

}  // namespace trestle::engine
