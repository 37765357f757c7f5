#pragma once
// A configuration that serves every node of a network, as it is on this one.
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"
#include "config/netconf.h"
#include "engine/context.h"

namespace trestle::app {

// Every NIC as it is on this node: its `overlay` (overlay::as_here), its part of a pool (`ipam.nodeRange`), without the host's own addresses where
// it is in the host's LAN; the configuration itself when it has none of that. Reads `peersFile`. Throws what
// as_here() throws, and Error{bad_config} for a file that cannot be read.
config::NetConf with_tunnels(engine::Context& context, config::NetConf conf);
// The same for a runtime's calls: a file that is damaged or gone must not stop a node's pods. Where that network's tunnel is there, the list that
// was programmed last serves, and the log tells why.
config::NetConf with_tunnels(Session& session, config::NetConf conf);

// Why this pool, of a configuration as it is here, is one that every node would give the same addresses of; nullopt: it is not.
std::optional<std::string> undivided(const config::NetConf& nic, const ipam::RangeSet& pool);
// Where the NIC's pods are in the host's own LAN: the host's addresses and its router's, which are no pod's. Empty elsewhere.
std::vector<net::Ip> held_on_lan(engine::Context& context, const config::NetConf& nic);

}  // namespace trestle::app
