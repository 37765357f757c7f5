#pragma once
// What the tests of pkg/kernel share: a scratch host with one bridge, and a pod on it by a veth.
#include <nlohmann/json.hpp>
#include <string>

#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "support/lacks.h"
#include "support/scratch.h"

namespace trestle::test {

inline const net::IfName kBridge = net::IfName::parse("tr0"), kHostEnd = net::IfName::parse("vethabc"),
                         kPodEnd = net::IfName::parse("eth0");
inline const plan::Bridge kBridgeStep{kBridge, net::Mac::parse("02:00:00:00:00:b1"), 1500, 0x40000001};
inline const plan::Veth kVethStep{kHostEnd,
                                  kPodEnd,
                                  net::Mac::parse("fe:00:00:00:00:02"),
                                  net::Mac::parse("02:00:00:00:00:02"),
                                  1400,
                                  kBridge,
                                  0x40000002,
                                  "net/pod/eth0"};

// `ip -d -j link show dev NAME` of the current namespace; throws when there is no such link.
inline nlohmann::json witness(const std::string& name) {
  return nlohmann::json::parse(must_run("ip -d -j link show dev " + name)).at(0);
}

inline kernel::Socket route_socket(const base::Fd& netns) {
  const Inside inside(netns);
  return kernel::Socket::open(kernel::Protocol::route);
}

// Of the namespace that the test is in now.
inline std::uint64_t own_cookie() { return route_socket(current_netns()).netns_cookie(); }

struct World {
  ScratchHost host;
  Pod pod{"pod"};
  kernel::Socket outer = route_socket(host.netns()), inner = route_socket(pod.netns());
  kernel::Batch batch;

  void make_bridge() {
    kernel::add_bridge(batch, kBridgeStep);
    outer.send_or_throw(batch);
    kernel::set_link(batch, kBridge, kBridgeStep.mtu, nullptr, std::nullopt, std::nullopt);
    kernel::set_up(batch, kBridge);
    outer.send_or_throw(batch);
  }
  std::uint32_t index_of(kernel::Socket& socket, const net::IfName& name) {
    return kernel::get_link(socket, name).value().index;
  }
  void make_veth() {
    kernel::add_veth(batch, kVethStep, index_of(outer, kBridge), pod.netns().get());
    outer.send_or_throw(batch);
  }
  void set_all_up() {
    kernel::set_up(batch, kHostEnd);
    outer.send_or_throw(batch);
    kernel::set_up(batch, kPodEnd);
    inner.send_or_throw(batch);
  }
};

}  // namespace trestle::test
