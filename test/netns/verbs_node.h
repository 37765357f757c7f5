#pragma once
// A node as its runtime sees it: a scratch host, pods, and the built plugin called verb by verb. Ends with a look at what is left.
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/plugin.h"
#include "support/scratch.h"
#include "support/snapshot.h"

namespace trestle::test {

// The network of most tests, "demo": dual stack, 10.88.0.0/16 and fd88::/64, switch trdemo.
nlohmann::json demo_conf(const std::string& version = "1.1.0");
// The same with other members: demo_with({{"mtu", 1400}}).
nlohmann::json demo_with(const nlohmann::json& members);
// One more network with its own name and IPv4 subnet.
nlohmann::json other_conf(const std::string& name, const std::string& subnet,
                          const nlohmann::json& members = nlohmann::json::object());

// What a person would read of an answer, for CAPTURE.
std::string told(const Answer& answer);
// The addresses of a result (1.x shape) without their prefix, in order; its pod-side MAC; its host link.
std::vector<std::string> addresses_of(const Answer& added);
std::string mac_of(const Answer& added);
std::string host_link_of(const Answer& added);

class Node {
 public:
  using Env = std::map<std::string, std::string>;

  // The bare host is the state to come back to; after settle(), what the test has made on it until then, when it has come to rest.
  Node() : before_((must_run("rm -rf /run/sysctl.d"), snapshot())) {}
  void settle();

  // The container's id is the pod's name unless told.
  Answer add(const Pod& pod, const nlohmann::json& conf = demo_conf(), const Env& env = {}) const {
    return call("ADD", pod, conf, env);
  }
  Answer del(const Pod& pod, const nlohmann::json& conf = demo_conf(), const Env& env = {}) const {
    return call("DEL", pod, conf, env);
  }
  // `added`: the answer of the ADD, which becomes prevResult.
  Answer check(const Pod& pod, const Answer& added, const nlohmann::json& conf = demo_conf(),
               const Env& env = {}) const;
  Answer gc(nlohmann::json valid, const std::string& network = "demo") const;
  Answer status(const nlohmann::json& conf = demo_conf()) const;
  Answer call(const std::string& verb, const Pod& pod, const nlohmann::json& conf, const Env& env = {}) const;
  Answer call(Call how) const;  // the state directory is filled in
  Ran command(const std::vector<std::string>& words, const std::string& in = {}) const;

  // As add(), for what a test takes for granted: throws with what was told.
  Answer must_add(const Pod& pod, const nlohmann::json& conf = demo_conf(), const Env& env = {}) const;
  void must_del(const Pod& pod, const nlohmann::json& conf = demo_conf(), const Env& env = {}) const;

  std::vector<std::string> records() const { return files_below(state() + "/records"); }
  const std::string& state() const { return host_.state_dir(); }
  const ScratchHost& host() const { return host_; }
  // Everything that differs from the state to come back to: kernel objects, sysctl.d files, records, parts and temporary files.
  std::vector<std::string> left() const;
  // Kernel objects alone.
  std::vector<std::string> changed() const { return changed_since(before_); }

 private:
  ScratchHost host_;
  Snapshot before_;
};

// Waits until the link is gone: a namespace that died takes its links with it only some time later.
void wait_gone(const std::string& link);

}  // namespace trestle::test
