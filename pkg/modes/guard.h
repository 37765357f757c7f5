#pragma once
#include <string_view>
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// The attachment's elements: its mark in the switch's own sets (after a flush, adding it fails with ENOENT: DESIGN section 3,
// "Healing"), and with `spoofCheck` what is known of the pod: port, MAC, addresses. They come first in the plan, so that the port is
// guarded before it is up.
void add_guard(std::vector<plan::Step>& steps, const AttachmentInput& in);
// No frame between the pod and the host, in either direction (mode `isolated`).
void keep_from_host(std::vector<plan::Step>& steps, const AttachmentInput& in);
// Is this a set that attachments have elements in, by their host link's name as the first field? For sweeps.
bool is_of_attachments(plan::Table table, std::string_view set);
// Does the port get the kernel's own MAC lock (Port::locked, Fdb)? It survives a flush of the ruleset.
bool locks_port(const config::NetConf& conf);

}  // namespace trestle::modes
