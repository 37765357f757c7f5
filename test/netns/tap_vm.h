#pragma once
// A pod with a TAP, and a hypervisor that has it open.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "nat_guest.h"
#include "support/guest_nic.h"
#include "verbs_node.h"

namespace trestle::test {

// The network "demo" with a TAP for its pods; `members` besides.
nlohmann::json tap_conf(const nlohmann::json& members = nlohmann::json::object());
// Other modes: "isolated" as demo, "bridge" without addresses on the uplink nic1 (see wire_nic1()).
nlohmann::json tap_mode(const std::string& mode);
// A LAN for `bridge`: nic1 is the host's NIC, plug1 its other end.
void wire_nic1();

class Vm {
 public:
  // Attached, and the TAP open, when the constructor returns; the object's end leaves the DEL to leave().
  Vm(const Node& node, const std::string& name, const nlohmann::json& conf = tap_conf(), const Node::Env& env = {},
     const Opener& opener = {});
  const Pod& pod() const { return pod_; }
  const Answer& added() const { return added_; }
  GuestNic& nic() { return *nic_; }
  std::string mac() const { return mac_; }
  std::string tap() const { return tap_; }
  std::string ip4() const { return ip4_; }
  std::string host_link() const { return host_link_of(added_); }
  void power_off() { nic_.reset(); }
  void leave() const { node_.must_del(pod_, conf_); }

 private:
  const Node& node_;
  Pod pod_;
  nlohmann::json conf_;
  Answer added_;
  std::string mac_, tap_, ip4_;
  std::unique_ptr<GuestNic> nic_;
};

// What `ip -j` tells of one link of a pod.
nlohmann::json link_in(const Pod& pod, const std::string& link);

}  // namespace trestle::test
