#pragma once
// Several NICs of one call (`interfaces`): each is a network configuration of its own.
#include <functional>

#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// An entry as the configuration of a call of its own: its network's name, and the call's version and type. One that says nothing of a network is
// one more NIC on the call's own switch, and has what belongs to that. Throws for what cannot stand in an entry.
struct Entry {
  nlohmann::json conf;
  std::string path;  // "interfaces[0]"
  net::IfName nic;
  bool same_switch = false;
  bool named = false;  // its network has a name that others may share
};
std::vector<Entry> parse_entries(const cni::Field& conf, const std::string& network);

// Throws Error{bad_config} for two NICs that cannot be at once: one name, one physical NIC below two switches, two modes on one switch.
void check_nics(const NetConf& conf);

}  // namespace trestle::config
