#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"
#include "config/overlay.h"
#include "net/ifname.h"

namespace trestle::app {

// What other firewalls of this host keep from a switch's pods, one line each, with the command that mends it. `routed`: its pods reach
// others, or are reached, by way of the host (modes nat and routed; ports that are published behind another plugin); else only br_netfilter brings
// frames to chains of forwarded packets. `asked`: the pods ask the host itself for something.
std::vector<std::string> foreign_drops(Session& session, const net::IfName& bridge, bool routed, bool asked);

// What they keep from a tunnel: its peers' packets. `overlay.here` is set.
std::vector<std::string> foreign_drops(Session& session, const config::Overlay& overlay);

// What br_netfilter makes of published ports on a switch whose pods are apart (`portIsolation`), with the remedy; nullopt: it is off.
std::optional<std::string> bridged_ports(const net::IfName& bridge);
// What br_netfilter makes of this host's published ports for the pods of a switch on a LAN on which the host has no address; nullopt: it is off,
// or nothing is published.
std::optional<std::string> ports_past(Session& session, const net::IfName& bridge);

// The NIC that the pods' answers come back by (`uplink`, else the default route's) where it does not forward IPv4; nullopt: it does.
std::optional<std::string> stopped_forwarding(Session& session, const std::optional<net::IfName>& uplink);

}  // namespace trestle::app
