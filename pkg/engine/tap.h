#pragma once
// A TAP in the pod, and the redirect between it and the pod's end of the pair.
#include <optional>
#include <string>

#include "engine/context.h"
#include "kernel/link.h"
#include "plan/step.h"

namespace trestle::engine {

// Each throws Error naming the Step and may be called twice: what is there already and is ours is mended. A TAP that a hypervisor has open is
// never made anew: Error{held}.
void make(Context& context, const plan::Tap& step);
void make(Context& context, const plan::Redirect& step);

// nullopt: no TAP of that name is there, or one that is not ours.
std::optional<kernel::LinkInfo> find_tap(Context& context, const plan::Tap& step);
// What is not as the Step says, nullopt when it holds. Not asked for: the carrier, which comes with the hypervisor, the label, which nobody
// tells, and the MAC, which means nothing behind a redirect.
std::optional<std::string> defect_of(const plan::Tap& step, const kernel::LinkInfo& link);
std::optional<std::string> defect_of(Context& context, const plan::Redirect& step);

// Off an interface that stays.
void take_away(Context& context, const plan::Redirect& step);

// Deleting a link waits ~20 ms for RCU: so TAPs go together with the pairs, by one group message in the pod's namespace.
class DyingTap {
 public:
  // Passes over a TAP that is not there or not ours.
  void add(Context& context, const plan::Tap& step);
  // Puts the pair of that host end to what was added; false when nothing was, or its other end is not in the pod.
  [[nodiscard]] bool takes_pair(Context& context, const kernel::LinkInfo& host_end);
  // Deletes what was added.
  void bury(Context& context);

 private:
  kernel::Batch batch_;
};

}  // namespace trestle::engine
