#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "nat_guest.h"

namespace trestle::test {

constexpr const char* kPlugins = "/usr/lib/cni";  // Debian's containernetworking-plugins

inline nlohmann::json delegated(const nlohmann::json& ipam, const nlohmann::json& members = nlohmann::json::object()) {
  nlohmann::json conf = demo_with(members);
  conf.erase("subnets");
  conf["ipam"] = ipam;
  return conf;
}

inline Node::Env with_path(const std::string& path) { return {{"CNI_PATH", path}}; }

}  // namespace trestle::test
