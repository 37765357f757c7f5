#pragma once
#include <string>
#include <vector>

#include "app/session.h"
#include "config/overlay.h"
#include "net/ifname.h"

namespace trestle::app {

// What other firewalls of this host keep from a switch's pods, one line each, with the command that mends it. `routed`: its pods reach
// others by way of the host (modes nat and routed); else only br_netfilter brings frames to those chains. `asked`: the host itself serves them.
std::vector<std::string> foreign_drops(Session& session, const net::IfName& bridge, bool routed, bool asked);

// What they keep from a tunnel: its peers' packets. `overlay.here` is set.
std::vector<std::string> foreign_drops(Session& session, const config::Overlay& overlay);

// What br_netfilter makes of published ports on a switch whose pods are apart (`portIsolation`), with the remedy; nullopt: it is off.
std::optional<std::string> bridged_ports(const net::IfName& bridge);

}  // namespace trestle::app
