#pragma once
// "demo" with further NICs: eth1 in a routed network, eth2 in an isolated one, eth3 on the first one's switch.
#include <nlohmann/json.hpp>

#include "nat_guest.h"

namespace trestle::test {

inline nlohmann::json routed_nic(const std::string& name = "eth1") {
  return {{"name", name}, {"network", "front"}, {"mode", "routed"}, {"subnets", {"10.91.0.0/24", "fd91::/64"}}};
}
inline nlohmann::json isolated_nic(const std::string& name = "eth2") {
  return {{"name", name}, {"network", "back"}, {"mode", "isolated"}, {"subnets", {"10.92.0.0/24", "fd92::/64"}}};
}
inline nlohmann::json same_switch_nic(const std::string& name = "eth1") { return {{"name", name}}; }
// A list, as braces around one value would be that value.
inline nlohmann::json multi_conf(const std::vector<nlohmann::json>& interfaces) {
  nlohmann::json conf = demo_conf();
  conf["interfaces"] = interfaces;
  return conf;
}
inline nlohmann::json multi_conf() { return multi_conf({routed_nic(), isolated_nic(), same_switch_nic("eth3")}); }

// The NIC's first address of a family ("." or ":" tells which), without its prefix.
inline std::string address_of(const Answer& added, const std::string& nic, char family) {
  for (const auto& ip : added.json.at("ips")) {
    const std::string address = ip.at("address");
    const auto& interface = added.json.at("interfaces").at(ip.at("interface").get<std::size_t>());
    if (interface.at("name") == nic && interface.contains("sandbox") && address.find(family) != std::string::npos)
      return address.substr(0, address.find('/'));
  }
  return "";
}

}  // namespace trestle::test
