#pragma once
// Networks on VLANs of one NIC, and the LAN's side of each.
#include <nlohmann/json.hpp>
#include <string>

#include "nat_guest.h"

namespace trestle::test {

// "10 PVID,20" : what `bridge vlan` says of a port, VIDs in order.
inline std::string vlans_of(const std::string& link) {
  const Ran ran = run("bridge -j vlan show dev " + link);
  const nlohmann::json json = nlohmann::json::parse(ran.out, nullptr, false);
  std::string out;
  if (!json.is_array() || json.empty()) return out;
  for (const nlohmann::json& vlan : json[0].at("vlans")) {
    out += (out.empty() ? "" : ",") + std::to_string(vlan.at("vlan").get<int>());
    if (vlan.contains("vlanEnd")) out += "-" + std::to_string(vlan.at("vlanEnd").get<int>());
    for (const nlohmann::json& flag : vlan.value("flags", nlohmann::json::array()))
      out += flag == "PVID" ? " PVID" : flag == "Egress Untagged" ? " untagged" : "";
  }
  return out;
}

// The LAN with a NIC of its own in each VLAN, 10.<vid>.0.1/24, and no address of the host on the wire.
class Trunk {
 public:
  Trunk(const Lan& lan, std::initializer_list<int> vids) {
    must_run("ip addr flush dev uplink0");
    for (const int vid : vids) {
      const std::string id = std::to_string(vid);
      if (!lan.exec("ip link add link eth0 name v" + id + " type vlan id " + id + " && ip link set v" + id +
                    " up && ip addr add 10." + id + ".0.1/24 dev v" + id)
               .ok())
        throw std::runtime_error("no VLAN NIC in the LAN");
    }
  }
};

// Network "v<vid>" on switch "lan0" and VLAN vid: 10.<vid>.0.0/24, pods from .10 on.
inline nlohmann::json vlan_conf(int vid, const nlohmann::json& members = nlohmann::json::object()) {
  const std::string id = std::to_string(vid);
  nlohmann::json conf =
      demo_with({{"name", "v" + id}, {"mode", "bridge"}, {"bridge", "lan0"}, {"uplink", "uplink0"}, {"vlan", vid}});
  conf.erase("subnets");
  conf["ipam"] = {{"ranges", {{{{"subnet", "10." + id + ".0.0/24"}, {"rangeStart", "10." + id + ".0.10"}}}}}};
  conf.update(members);
  return conf;
}

}  // namespace trestle::test
