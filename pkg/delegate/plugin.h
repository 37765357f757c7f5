#pragma once
// Another plugin's IPAM, by the specification's delegation (SPEC, "Plugin Delegation"): it gets our whole configuration and environment.
#include <chrono>
#include <optional>
#include <string>

#include "cni/result.h"
#include "plan/delegate.h"

namespace trestle::delegate {

// Of which attachment; empty for GC and STATUS.
struct Attachment {
  std::string container, netns, ifname;
  std::optional<cni::Result> prev = {};  // for CHECK: it stands in for the configuration's own
};

inline constexpr std::chrono::milliseconds kAddBudget{60000}, kOtherBudget{20000};

// Throws Error{delegate} when it is not in CNI_PATH, Error{bad_config} when that is no plugin's name.
void must_exist(const plan::Delegate& plugin);
// Its addresses, routes and DNS. Throws Error{delegate} with its own words: it is not in CNI_PATH, it failed, it took too long, or it gave
// no address. A plugin of before cniVersion 1.1.0 is asked in 1.0.0.
cni::Result add(const plan::Delegate& plugin, const Attachment& attachment);
// DEL or CHECK. Throws Error{delegate}.
void call(const plan::Delegate& plugin, const std::string& command, const Attachment& attachment);
// GC or STATUS, which a plugin of before 1.1.0 does not know: that is no error.
void call_if_known(const plan::Delegate& plugin, const std::string& command);

}  // namespace trestle::delegate
