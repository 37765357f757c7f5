#pragma once
// A pod on a network, with an echo server in it, and what the runtime was told about it.
#include <catch2/catch.hpp>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "support/lacks.h"
#include "support/lan.h"
#include "support/netns.h"
#include "support/scratch.h"
#include "support/traffic.h"
#include "verbs_node.h"

namespace Catch {
template <>
struct StringMaker<trestle::test::Reach> {
  static std::string convert(trestle::test::Reach reach) { return trestle::test::name_of(reach); }
};
}  // namespace Catch

namespace trestle::test {

// Every Echo of these tests listens here.
constexpr int kEcho = 7;

// Attached when the constructor returns (it throws with the plugin's words otherwise); the object's end leaves the DEL to leave().
class Guest {
 public:
  Guest(const Node& node, const std::string& name, const nlohmann::json& conf = demo_conf(), const Node::Env& env = {});
  const base::Fd& netns() const { return pod_.netns(); }
  const Pod& pod() const { return pod_; }
  const Answer& added() const { return added_; }
  // The first address of each family without its prefix, "" without one.
  const std::string& ip4() const { return ip4_; }
  const std::string& ip6() const { return ip6_; }
  std::vector<std::string> addresses() const { return {ip4_, ip6_}; }
  std::string mac() const { return mac_of(added_); }
  std::string host_link() const { return host_link_of(added_); }
  void leave() const { node_.must_del(pod_, conf_); }

 private:
  const Node& node_;
  Pod pod_;
  nlohmann::json conf_;
  Answer added_;
  std::string ip4_, ip6_;
  Echo echo_;
};

// DEL of each; then the host must be as it was.
void leave_nothing(const Node& node, std::initializer_list<const Guest*> guests);

// The network "demo" has the gateways 10.88.0.1 and fd88::1; this one, on a switch of its own, 10.89.0.1 and fd89::1.
nlohmann::json second_conf();

// The host tells every refusal, not one a second as kernels do: whoever asks much must not take that for silence.
void answer_without_limit();
// The answers to a new connection that is not wanted: at once, and the one that each protocol has for it.
void check_refused(const base::Fd& from, const std::string& address);
// TCP, UDP and an ICMP echo arrive, and the far side sees `as`.
void check_reaches(const base::Fd& from, const std::string& address, const std::string& as);

// Ports of the host's outside addresses that a foreign table sends to port kEcho of a pod, as kube-proxy does for a NodePort. From the outside
// and from pods, TCP and UDP, the pod's families.
constexpr int kNodePort = 30080;
void make_node_port(const Guest& to);

// bridge-nf-call-{iptables,ip6tables,arptables} of this namespace; false when the kernel has no br_netfilter.
bool set_bridge_nf(bool on);

}  // namespace trestle::test
