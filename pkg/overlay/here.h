#pragma once
// A configuration that serves every node, as it is on this one.
#include <cstdint>
#include <optional>
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

// `ipam.nodeRange`: the pools become this node's part of them. An address that is asked for may lie in another's: it moved here. `place`: our
// place in the list of peers. Throws Error{bad_config} when there is no such part. Nothing without the key.
void take_part(config::NetConf& conf, std::optional<std::uint32_t> place);

}  // namespace trestle::overlay
