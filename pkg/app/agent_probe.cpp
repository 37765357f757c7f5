#include "app/agent_probe.h"

#include <algorithm>

#include "kernel/link.h"
#include "overlay/found.h"

namespace trestle::app {

namespace {

constexpr std::size_t kAtOnce = 64;
constexpr int kProbeMs = 500;
constexpr int kRounds = 2;
constexpr std::chrono::milliseconds kRound{1000};  // another agent may be at a pass of its own

}  // namespace

void AgentProbe::follow(engine::Context& context, const config::NetConf& nic) {
  if (nic.overlay->layer != 2) return;
  const net::IfName vtep = config::vtep_of(*nic.overlay);
  const auto index = kernel::link_index(context.route(), vtep);
  if (!index) {
    tunnels_.erase(vtep);
    return;
  }
  const config::NetConf conf = overlay::with_found_peers(context, nic);
  const auto it = tunnels_.find(vtep);
  if (it != tunnels_.end() && it->second.echo->is_for(conf, *index))
    it->second.echo->peers(conf);
  else
    tunnels_.insert_or_assign(vtep, Tunnel{std::make_unique<overlay::TunnelEcho>(conf, *index)});
}

void AgentProbe::keep(const std::set<net::IfName>& vteps) {
  std::erase_if(tunnels_, [&](const auto& one) { return !vteps.contains(one.first); });
}

std::vector<int> AgentProbe::fds() const {
  std::vector<int> out;
  for (const auto& [vtep, tunnel] : tunnels_) out.push_back(tunnel.echo->fd());
  return out;
}

void AgentProbe::take(int fd) {
  for (auto& [vtep, tunnel] : tunnels_)
    if (tunnel.echo->fd() == fd) tunnel.echo->take(true);
}

config::NetConf AgentProbe::turn(const config::NetConf& nic) {
  config::NetConf out = nic;
  std::vector<config::Peer>& others = out.overlay->here->others;
  if (others.size() <= kAtOnce) return out;
  std::size_t& at = turns_[nic.name];
  std::rotate(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(at % others.size()), others.end());
  others.resize(kAtOnce);
  at += kAtOnce;
  return out;
}

void AgentProbe::ask(engine::Context& context, const config::NetConf& nic) {
  if (nic.overlay->layer == 3) {
    const config::NetConf some = turn(nic);
    return tell(some, overlay::probe_routed(some, kProbeMs));
  }
  follow(context, nic);
  const auto it = tunnels_.find(config::vtep_of(*nic.overlay));
  if (it == tunnels_.end()) return;  // no pod of the network is here
  Tunnel& tunnel = it->second;
  if (tunnel.rounds != 0) return;  // answers are awaited still
  tunnel.asked = turn(overlay::with_found_peers(context, nic));
  tunnel.rounds = kRounds;
  std::vector<net::Ip> nodes;
  for (const config::Peer& peer : tunnel.asked->overlay->here->others) nodes.push_back(peer.vtep);
  tunnel.echo->ask(nodes);
  due_ = std::min(due_, Clock::now() + kRound);
}

AgentProbe::Clock::time_point AgentProbe::due() const { return due_; }

void AgentProbe::tell() {
  due_ = Clock::time_point::max();
  for (auto& [vtep, tunnel] : tunnels_) {
    if (tunnel.rounds == 0) continue;
    tunnel.echo->take(true);
    if (--tunnel.rounds != 0 && !tunnel.echo->all_heard()) {
      tunnel.echo->ask_again();
      due_ = Clock::now() + kRound;
      continue;
    }
    tunnel.rounds = 0;
    tell(*tunnel.asked, overlay::judge(*tunnel.asked, tunnel.echo->heard(), kProbeMs));
  }
}

void AgentProbe::tell(const config::NetConf& nic, const std::vector<overlay::Probed>& found) {
  std::size_t reached = 0;
  for (const overlay::Probed& one : found) {
    const bool well = one.finding == overlay::Finding::well;
    if (well) ++reached;
    auto [told, fresh] = findings_.try_emplace({nic.name, one.peer.vtep}, overlay::Finding::well);
    if (told->second != one.finding)
      log_.write(well ? Log::Level::info : Log::Level::warn, one.text, {{"network", nic.name}});
    told->second = one.finding;
  }
  metrics_.asked[nic.name] = found.size();
  metrics_.reached[nic.name] = reached;
}

}  // namespace trestle::app
