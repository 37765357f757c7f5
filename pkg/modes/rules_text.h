#pragma once
#include <string>

#include "config/netconf.h"

namespace trestle::modes {

// What all switches share: the two tables, their maps, base chains and the guard of the ports (reliability.md 4.2).
std::string tables_text();

// The chains and sets of one switch, by its mode. Names end in the switch's: "leave-trdemo".
std::string nat_text(const config::NetConf& conf);
std::string routed_text(const config::NetConf& conf);
std::string isolated_text(const config::NetConf& conf);
// Nothing is judged there, but with `portIsolation` what the host leads from the switch back to it. `mac`: the switch's.
std::string bridge_text(const config::NetConf& conf, const net::Mac& mac);
// Of a bridge, or a link, of another plugin's: the same.
std::string chained_text(const config::NetConf& conf);

}  // namespace trestle::modes
