#pragma once
// A configuration that serves every node, as it is on this one.
#include <string>

#include "config/netconf.h"
#include "engine/context.h"

namespace trestle::overlay {

// Fills `overlay.here`: our address on the underlay, our entry in the list, the others. Where the list has our subnets they become the
// pool; the pods' MTU becomes what the tunnel carries. `file`: the text of `peersFile`. `host`: this node's name. Reads the kernel, changes
// nothing. Throws Error{bad_config}: an address that the host does not have, a list in which two nodes have one address or subnet, an MTU
// that would make a silent black hole.
config::NetConf as_here(engine::Context& context, const config::NetConf& conf, const std::string& file,
                        const std::string& host);

}  // namespace trestle::overlay
