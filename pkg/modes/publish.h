#pragma once
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The ports of the host that lead to this pod: each mapping for the first address of each family that `hostIP` allows (none, or 0.0.0.0 and
// ::, is every address of the host). Throws Error{bad_config} when a mapping leads to no address of the pod, or two of them clash.
plan::Publish published(const config::NetConf& conf, const plan::Lease& lease);
// As a Step, when there are any. Comes before the link: undone, it goes first.
void add_publish(std::vector<plan::Step>& steps, const AttachmentInput& in);
// Does a pod reach itself through the switch? It does by its own published port.
bool needs_hairpin(const config::NetConf& conf);
// What a switch needs of the host on which this pod is reached by 127.0.0.1 too; nothing when no mapping of it can be asked for there. While it
// is on, the rules alone keep the switch's other pods from 127.0.0.1 (see tables_text()), so it comes after them and goes with the last such
// pod.
void add_localnet(std::vector<plan::Step>& steps, const SwitchInput& in);
std::string localnet_key(const net::IfName& link);

}  // namespace trestle::modes
