#pragma once
// A list of plugins as a runtime calls them: in order on ADD, each with the result of the one before, backwards on DEL.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/run.h"
#include "verbs_node.h"

namespace trestle::test {

constexpr const char* kPlugins = "/usr/lib/cni";  // Debian's containernetworking-plugins

class Chain {
 public:
  Chain(const Node& node, std::vector<nlohmann::json> plugins, nlohmann::json runtime = nlohmann::json::object());
  // Stops at the first that fails; its answer. An ADD that succeeded leaves its result for DEL and CHECK.
  Answer add(const Pod& pod);
  Answer check(const Pod& pod) const;
  Answer del(const Pod& pod) const;
  // As a runtime's, to whom each has answered; throws with what was told otherwise.
  const nlohmann::json& must_add(const Pod& pod);
  void must_del(const Pod& pod) const;
  const nlohmann::json& result() const { return result_; }

 private:
  Answer call(const std::string& verb, const Pod& pod, const nlohmann::json& plugin, const nlohmann::json& prev) const;

  const Node& node_;
  std::vector<nlohmann::json> plugins_;
  nlohmann::json runtime_;
  nlohmann::json result_;
};

// Debian's bridge on "cbr0", 10.66.0.0/24 with 10.66.0.1 as the gateway, and its ptp (10.67.0.0/24): neither masquerades.
nlohmann::json debian_bridge();
nlohmann::json debian_ptp();
// Trestle behind another.
nlohmann::json behind(const nlohmann::json& members = nlohmann::json::object());

}  // namespace trestle::test
