#pragma once
// The agent's questions to the peers of its networks: does a full frame come through the tunnel? A part of many at a time, the next part the
// next time. Where the nodes have no address in the network (layer 2) the agents answer each other, and nobody waits for an answer.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/agent_metrics.h"
#include "app/log.h"
#include "config/netconf.h"
#include "engine/context.h"
#include "overlay/probe.h"

namespace trestle::app {

class AgentProbe {
 public:
  using Clock = std::chrono::steady_clock;

  AgentProbe(Log& log, AgentMetrics& metrics) : log_(log), metrics_(metrics) {}

  // The tunnel of a network as it is now (app/here.h): its peers are answered from here on. Throws Error{kernel}.
  void follow(engine::Context& context, const config::NetConf& nic);
  void keep(const std::set<net::IfName>& vteps);  // networks that are configured no more are not answered any more
  std::vector<int> fds() const;
  void take(int fd);  // what waits there

  // Layer 3: asks, waits and tells. Layer 2: asks; tell() is due later. Throws Error{kernel}.
  void ask(engine::Context& context, const config::NetConf& nic);
  Clock::time_point due() const;
  // Asks once more who is silent, then tells what is not as the last time. Throws Error{kernel}.
  void tell();

 private:
  struct Tunnel {
    std::unique_ptr<overlay::TunnelEcho> echo;  // never null
    std::optional<config::NetConf> asked = {};  // its `others` are who was asked
    int rounds = 0;                             // until it is told; 0: nothing is awaited
  };
  config::NetConf turn(const config::NetConf& nic);
  void tell(const config::NetConf& nic, const std::vector<overlay::Probed>& found);

  Log& log_;
  AgentMetrics& metrics_;
  std::map<net::IfName, Tunnel> tunnels_;     // by VTEP
  std::map<std::string, std::size_t> turns_;  // by network
  std::map<std::pair<std::string, net::Ip>, overlay::Finding> findings_;
  Clock::time_point due_ = Clock::time_point::max();
};

}  // namespace trestle::app
