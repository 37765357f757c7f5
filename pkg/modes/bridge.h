#pragma once
#include "modes/modes.h"

namespace trestle::modes {

// Pods in the LAN's own segment, through the uplink, or as ports of a bridge that somebody else made (DESIGN section 5).
plan::Shared bridge_shared(const SwitchInput& in);
std::vector<plan::Step> bridge_attachment(const AttachmentInput& in);
// The first uplink's: two hosts with one MAC on a LAN lose each other's packets.
net::Mac bridge_mac(const config::NetConf& conf, const plan::Facts& facts);

}  // namespace trestle::modes
