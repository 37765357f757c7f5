#pragma once
// Port mappings as a runtime hands them over.
#include <nlohmann/json.hpp>
#include <string>

#include "verbs_node.h"

namespace trestle::test {

inline nlohmann::json mapping(int host, int container, const std::string& protocol) {
  return {{"hostPort", host}, {"containerPort", container}, {"protocol", protocol}};
}
// TCP and UDP, to the Echo of a Guest.
inline nlohmann::json both_protocols(int host) { return {mapping(host, 7, "tcp"), mapping(host, 7, "udp")}; }
inline nlohmann::json with_host_ip(nlohmann::json mappings, const std::string& ip) {
  for (nlohmann::json& one : mappings) one["hostIP"] = ip;
  return mappings;
}
// "demo" with the capability, other members, and these ports.
inline nlohmann::json publishing(const nlohmann::json& mappings,
                                 const nlohmann::json& members = nlohmann::json::object()) {
  nlohmann::json conf = demo_with({{"capabilities", {{"portMappings", true}}}});
  conf.update(members);
  conf["runtimeConfig"] = {{"portMappings", mappings}};
  return conf;
}

}  // namespace trestle::test
