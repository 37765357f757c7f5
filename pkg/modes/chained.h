#pragma once
#include "base/error.h"
#include "modes/modes.h"

namespace trestle::modes {

// On an interface that another plugin made: guard, published ports and bandwidth; its addresses and routes are the other's.
plan::Shared chained_shared(const SwitchInput& in);
std::vector<plan::Step> chained_attachment(const AttachmentInput& in);
// There is no such interface: what to say in the configuration.
base::Error not_chained(const config::NetConf& conf);

}  // namespace trestle::modes
