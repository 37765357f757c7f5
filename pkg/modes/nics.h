#pragma once
// The NICs of one call as one plan and one result.
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The configuration from which the shared part of a NIC's switch is planned: whoever is one more NIC on the first one's switch tells its
// guests the same as the first.
config::NetConf switch_conf(const config::NetConf& nic, const config::NetConf& first);

// All that the call needs, in an order that costs few sends: the guards of all ports, then NIC by NIC, then what speaks of them. A route that an
// earlier NIC has already (the main table has room for one) is left out.
std::vector<plan::Step> attachment(const std::vector<AttachmentInput>& nics);
// Of each NIC in turn: switch, host link, pod side, TAP, pseudo VM. `dns` is that of the first that has one.
cni::Result result(const std::vector<AttachmentInput>& nics);

}  // namespace trestle::modes
