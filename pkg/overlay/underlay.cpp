#include "overlay/underlay.h"

#include <net/if.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/route.h"
#include "net/names.h"

namespace trestle::overlay {

using base::Code;
using base::Error;
using config::Peer;

namespace {

// Which of a link's addresses is the tunnel's: one that the list has for a node, else one of the family that the list's nodes have, else the
// first. A temporary IPv6 address, which changes each day, comes last; the kernel lists the newest first.
class Wanted {
 public:
  Wanted(const config::NetConf& conf, const std::vector<Peer>& peers) : peers_(peers) {
    if (!peers.empty()) family_ = peers.front().vtep.family;
    if (conf.overlay->group) family_ = conf.overlay->group->family;
  }
  int rank(const kernel::HeldAddress& held) const {
    const bool listed = std::ranges::any_of(peers_, [&](const Peer& peer) { return peer.vtep == held.cidr.ip; });
    return (listed ? 4 : 0) + (family_ && held.cidr.ip.family == *family_ ? 2 : 0) + (held.lasting ? 1 : 0);
  }

 private:
  const std::vector<Peer>& peers_;
  std::optional<net::Family> family_;
};

}  // namespace

bool usable(const net::Cidr& cidr) { return !cidr.ip.is_loopback() && !cidr.ip.is_link_local(); }

namespace {

template <class Fits>
void look(kernel::Socket& host, const kernel::LinkInfo& link, const Wanted& wanted, Fits fits,
          std::optional<Underlay>& best, int& best_rank) {
  const std::vector<kernel::HeldAddress> all = kernel::held_addresses(host, link.index);
  for (const kernel::HeldAddress& held : all) {
    if (!usable(held.cidr) || !fits(held.cidr.ip)) continue;
    const int rank = wanted.rank(held);
    if (best && rank <= best_rank) continue;
    best = Underlay{held.cidr.ip, link, all};
    best_rank = rank;
  }
}

std::optional<Underlay> on_link(kernel::Socket& host, const kernel::LinkInfo& link, const Wanted& wanted) {
  std::optional<Underlay> best;
  int rank = 0;
  const auto any = [](const net::Ip&) { return true; };
  look(host, link, wanted, any, best, rank);
  return best;
}

// A switch that is its pods' gateway. One on a LAN has the MAC of its uplink, and with `takeAddresses` the host's addresses.
bool is_gateway(const engine::Context& context, const kernel::LinkInfo& link) {
  return context.switches() != 0 && link.group == context.switches() &&
         link.mac == net::switch_mac(net::IfName::parse(link.name));
}

// The link whose address `fits`. A gateway's or a tunnel's own address is none: it would be a tunnel in itself.
template <class Fits>
std::optional<Underlay> by_address(engine::Context& context, const Wanted& wanted, Fits fits) {
  std::optional<Underlay> best;
  int rank = 0;
  for (const kernel::LinkInfo& link : kernel::dump_links(context.route()))
    if (link.kind != "vxlan" && !is_gateway(context, link)) look(context.route(), link, wanted, fits, best, rank);
  return best;
}

[[noreturn]] void no_address(const config::NetConf& conf, const std::string& why) {
  throw Error(Code::bad_config,
              subject(conf) + ": " + why +
                  "; name in \"local\" the link, address or subnet by which the other nodes are reached");
}

}  // namespace

std::string subject(const config::NetConf& conf) { return "overlay of network '" + conf.name + "'"; }

Underlay find_underlay(engine::Context& context, const config::NetConf& conf, const std::vector<Peer>& peers) {
  kernel::Socket& host = context.route();
  const Wanted wanted(conf, peers);
  const std::string& local = conf.overlay->local;
  if (local.empty()) {
    const auto index = kernel::default_route_link(host);
    const auto link = index ? kernel::get_link(host, *index) : std::nullopt;
    const auto is_listed = [&](const net::Ip& there) {
      return std::ranges::any_of(peers, [&](const Peer& peer) { return peer.vtep == there; });
    };
    auto found = link ? on_link(host, *link, wanted) : std::nullopt;
    if (found && (peers.empty() || is_listed(found->address))) return *found;
    // A VPN may have taken the default route: an address that the list has is the tunnel's, wherever it is.
    if (auto listed = by_address(context, wanted, is_listed)) return *listed;
    if (found) return *found;
    if (!link) no_address(conf, "the host has no default route");
    no_address(conf, "link " + link->name + " of the default route has no address");
  }
  if (const auto ip = net::Ip::try_parse(local)) {
    if (auto found = by_address(context, wanted, [&](const net::Ip& there) { return there == *ip; })) return *found;
    no_address(conf, "no link of this host has the address " + ip->str());
  }
  if (local.find('/') != std::string::npos) {
    const net::Cidr subnet = net::Cidr::parse(local).network();
    if (auto found = by_address(context, wanted, [&](const net::Ip& there) { return subnet.contains(there); }))
      return *found;
    no_address(conf, "no link of this host has an address in " + subnet.str());
  }
  const auto link = kernel::get_link(host, net::IfName::parse(local));
  if (!link) no_address(conf, "the host has no link " + local);
  if (auto found = on_link(host, *link, wanted)) return *found;
  no_address(conf, "link " + local + " has no address");
}

// A tunnel address may live on a link that no packet leaves by (lo, a dummy, as in a routed fabric): its MTU says nothing.
std::uint32_t carried_by(kernel::Socket& host, const kernel::LinkInfo& link, const config::Here& here) {
  constexpr std::size_t kAsked = 16;
  if ((link.flags & IFF_LOOPBACK) == 0 && link.kind != "dummy" && link.kind != "vrf") return link.mtu;
  std::optional<std::uint32_t> least;
  const auto look = [&](const std::optional<std::uint32_t>& index) {
    const auto out = index ? kernel::get_link(host, *index) : std::nullopt;
    if (out && (out->flags & IFF_LOOPBACK) == 0) least = std::min(least.value_or(out->mtu), out->mtu);
  };
  for (std::size_t i = 0; i < here.others.size() && i < kAsked; ++i)
    look(kernel::link_towards(host, here.others[i].vtep));
  if (!least) look(kernel::default_route_link(host));
  return least.value_or(std::min<std::uint32_t>(link.mtu, 1500));
}

}  // namespace trestle::overlay
