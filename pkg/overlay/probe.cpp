#include "overlay/probe.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "kernel/fdb.h"
#include "kernel/icmp_echo.h"
#include "kernel/link.h"
#include "kernel/port_refusal.h"

namespace trestle::overlay {

namespace {

using Clock = std::chrono::steady_clock;

// The first host address of the subnet: that node's gateway.
std::optional<net::Ip> behind(const config::Peer& peer) {
  for (const net::Cidr& subnet : peer.subnets)
    if (subnet.length + 2 <= subnet.ip.bits()) return net::Ip{subnet.ip.family, subnet.first().value + 1};
  return std::nullopt;
}

std::string place(const config::Peer& peer) { return (peer.node.empty() ? "" : peer.node + ", ") + peer.vtep.str(); }

std::uint32_t mtu_of(const config::NetConf& conf) { return conf.mtu.value_or(conf.overlay->here->mtu); }

Probed well(const config::NetConf& conf, const config::Peer& peer) {
  return {peer, Finding::well,
          place(peer) + ": a full frame of " + std::to_string(mtu_of(conf)) + " bytes comes through"};
}

Probed small_only(const config::NetConf& conf, const config::Peer& peer) {
  return {peer, Finding::small_only,
          place(peer) + ": small frames come through, those of " + std::to_string(mtu_of(conf)) +
              " bytes do not: the path carries less than " + conf.overlay->here->underlay.str() +
              " here; give a smaller \"mtu\""};
}

Probed no_node(const config::Peer& peer) {
  return {peer, Finding::no_node,
          place(peer) + ": the node does not answer: it is down, or the underlay does not lead there"};
}

Probed no_port(const config::NetConf& conf, const config::Peer& peer) {
  return {peer, Finding::no_tunnel,
          place(peer) + ": the node answers, but refuses UDP port " + std::to_string(conf.overlay->port) +
              ": no pod of the network is there yet, it has another \"port\", or a firewall rejects it"};
}

std::string blocked(const config::NetConf& conf) {
  return "no pod of the network is there yet, UDP port " + std::to_string(conf.overlay->port) +
         " is blocked on the way (a firewall; VMware NSX takes 4789 and 8472), it has another VNI than " +
         std::to_string(conf.overlay->vni) + ", or we are not in its list of peers";
}

}  // namespace

std::vector<Probed> probe_routed(const config::NetConf& conf, int timeout_ms) {
  const config::Overlay& overlay = *conf.overlay;
  constexpr std::uint32_t kHeads4 = 28, kHeads6 = 48;  // IP and ICMP
  std::vector<net::Ip> gateways4, gateways6, silent, closed;
  for (const config::Peer& peer : overlay.here->others)
    if (const auto ip = behind(peer)) (ip->family == net::Family::v4 ? gateways4 : gateways6).push_back(*ip);
  std::set<net::Ip> full = kernel::echo(gateways4, mtu_of(conf) - kHeads4, timeout_ms);
  full.merge(kernel::echo(gateways6, mtu_of(conf) - kHeads6, timeout_ms));
  for (const config::Peer& peer : overlay.here->others) {
    const auto gateway = behind(peer);
    if (gateway && full.contains(*gateway)) continue;
    silent.push_back(peer.vtep);
    if (gateway) silent.push_back(*gateway);
  }
  const std::set<net::Ip> small = kernel::echo(silent, 0, timeout_ms);  // of nodes and gateways
  for (const config::Peer& peer : overlay.here->others) {
    const auto gateway = behind(peer);
    if (small.contains(peer.vtep) && !(gateway && (small.contains(*gateway) || full.contains(*gateway))))
      closed.push_back(peer.vtep);
  }
  const std::set<net::Ip> refused = kernel::refusing(closed, overlay.port, overlay.here->local, timeout_ms);
  std::vector<Probed> out;
  for (const config::Peer& peer : overlay.here->others) {
    const auto gateway = behind(peer);
    if (gateway && full.contains(*gateway))
      out.push_back(well(conf, peer));
    else if (gateway && small.contains(*gateway))
      out.push_back(small_only(conf, peer));
    else if (!small.contains(peer.vtep))
      out.push_back(no_node(peer));
    else if (refused.contains(peer.vtep))
      out.push_back(no_port(conf, peer));
    else if (!gateway)
      out.push_back(
          {peer, Finding::not_asked, place(peer) + ": the node answers; it has no subnet in the list to ask"});
    else
      out.push_back({peer, Finding::no_tunnel,
                     place(peer) + ": the node answers, but nothing comes through the tunnel: " + blocked(conf)});
  }
  return out;
}

std::vector<Probed> judge(const config::NetConf& conf, const std::map<net::Ip, TunnelEcho::Heard>& heard,
                          int timeout_ms) {
  const config::Overlay& overlay = *conf.overlay;
  std::vector<net::Ip> silent;
  for (const auto& [ip, back] : heard)
    if (!back.small && !back.full) silent.push_back(ip);
  const std::set<net::Ip> alive = kernel::echo(silent, 0, timeout_ms);
  const std::set<net::Ip> refused =
      kernel::refusing({alive.begin(), alive.end()}, overlay.port, overlay.here->local, timeout_ms);
  std::vector<Probed> out;
  for (const config::Peer& peer : overlay.here->others) {
    const auto it = heard.find(peer.vtep);
    if (it == heard.end()) continue;
    if (it->second.full)
      out.push_back(well(conf, peer));
    else if (it->second.small)
      out.push_back(small_only(conf, peer));
    else if (!alive.contains(peer.vtep))
      out.push_back(no_node(peer));
    else if (refused.contains(peer.vtep))
      out.push_back(no_port(conf, peer));
    else
      out.push_back({peer, Finding::not_asked,
                     place(peer) +
                         ": the node answers, but nobody in the tunnel: no 'trestle agent' runs there, which "
                         "answers on layer 2, or " +
                         blocked(conf)});
  }
  return out;
}

std::vector<Probed> probe(engine::Context& context, const config::NetConf& conf, int timeout_ms) {
  const config::Overlay& overlay = *conf.overlay;
  if (overlay.layer == 3) return probe_routed(conf, timeout_ms);
  std::vector<net::Ip> nodes;
  for (const config::Peer& peer : overlay.here->others) nodes.push_back(peer.vtep);
  const auto vtep = kernel::link_index(context.route(), config::vtep_of(overlay));
  if (!vtep) {
    std::map<net::Ip, TunnelEcho::Heard> none;
    for (const net::Ip& node : nodes) none[node] = {};
    return judge(conf, none, timeout_ms);
  }
  TunnelEcho tunnel(conf, *vtep);
  tunnel.ask(nodes);
  const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms);
  auto again = Clock::now() + std::chrono::milliseconds(timeout_ms / 2);
  for (auto now = Clock::now(); now < until && !tunnel.all_heard(); now = Clock::now()) {
    if (now >= again) {
      tunnel.ask_again();
      again = until;
    }
    pollfd poll{tunnel.fd(), POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(std::min(again, until) - now).count();
    if (::poll(&poll, 1, static_cast<int>(left) + 1) > 0) tunnel.take(false);
  }
  std::vector<Probed> out = judge(conf, tunnel.heard(), timeout_ms);
  if (overlay.control != "evpn") return out;
  const std::set<net::Ip> known = kernel::tunnel_ends(context.route(), *vtep, config::vtep_of(overlay));
  for (Probed& one : out)
    if (one.finding != Finding::no_node && !known.contains(one.peer.vtep)) {
      one.finding = Finding::no_tunnel;
      one.text = place(one.peer) + ": FRR has told the kernel nothing of it (no entry of " +
                 config::vtep_of(overlay).str() +
                 " leads there): do zebra and bgpd run on both, with advertise-all-vni?";
    }
  return out;
}

}  // namespace trestle::overlay
