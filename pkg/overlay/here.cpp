#include "overlay/here.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "ipam/range.h"
#include "overlay/underlay.h"

namespace trestle::overlay {

using base::Code;
using base::Error;
using config::Overlay;
using config::Peer;

namespace {

// Outer Ethernet, IP, UDP and VXLAN headers less the inner Ethernet header's place in the MTU.
constexpr std::uint32_t overhead(net::Family family) { return family == net::Family::v4 ? 50 : 70; }

// A route to a peer's subnet must take nothing away from the host: not the underlay, not the tunnels' ends, not our own pods.
void check_subnets(const config::NetConf& conf, const std::vector<net::Cidr>& segments,
                   const std::vector<net::Cidr>& held) {
  const config::Here& here = *conf.overlay->here;
  std::vector<net::Cidr> own;
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    for (const ipam::Range& range : set) own.push_back(range.subnet);
  for (const net::Cidr& pool : own) {
    const auto holds = [&](const net::Cidr& subnet) {
      return subnet.contains(pool.first()) && subnet.contains(pool.last());
    };
    if (here.own && !here.own->subnets.empty() && std::ranges::none_of(here.own->subnets, holds))
      throw Error(Code::bad_config, subject(conf) + ": this node's pods get addresses of " + pool.str() +
                                        ", which the list does not have for this node, so no other node would find "
                                        "them; give both the same, or leave \"subnets\" beside \"overlay\" out");
  }
  std::set<net::Ip> ends = {here.local};
  for (const Peer& peer : here.others) ends.insert(peer.vtep);
  for (const Peer& peer : here.others)
    for (const net::Cidr& subnet : peer.subnets) {
      const auto refuse = [&](const std::string& what) {
        throw Error(Code::bad_config, subject(conf) + ": subnet " + subnet.str() + " of peer " + peer.vtep.str() +
                                          " has " + what + " in it; give the node another one");
      };
      if (const auto end = ends.lower_bound(subnet.first()); end != ends.end() && subnet.contains(*end))
        refuse("node " + end->str());
      for (const net::Cidr& segment : segments)
        if (subnet.overlaps(segment)) refuse("a part of the underlay, " + segment.str() + ",");
      for (const net::Cidr& pool : own)
        if (subnet.overlaps(pool)) refuse("addresses of this node's own pods, " + pool.str() + ",");
      // A route to a part of it would be the more specific one: another switch's pods were lost by that.
      for (const net::Cidr& network : held)
        if (usable(network) && network.length < network.ip.bits() && subnet.overlaps(network.network()))
          refuse("addresses of this host's own network " + network.network().str());
    }
}

void check_peers(const config::NetConf& conf, const std::vector<Peer>& peers, net::Family family) {
  std::map<net::Ip, const Peer*> addresses;
  std::map<net::Ip, std::pair<net::Cidr, const Peer*>> subnets;
  std::set<std::string_view> nodes;
  std::map<std::uint32_t, const Peer*> parts;
  for (const Peer& peer : peers) {
    if (peer.index.has_value() != peers.front().index.has_value())
      throw Error(Code::bad_config, subject(conf) + ": peer " + (peer.index ? peers.front() : peer).vtep.str() +
                                        " has no \"index\", and others have one; give it to all");
    if (peer.index)
      if (const auto [it, fresh] = parts.emplace(*peer.index, &peer); !fresh)
        throw Error(Code::bad_config, subject(conf) + ": peers " + it->second->vtep.str() + " and " + peer.vtep.str() +
                                          " both have \"index\" " + std::to_string(*peer.index) +
                                          "; each node has one of its own");
    if (peer.vtep.family != family)
      throw Error(Code::bad_config,
                  subject(conf) + ": peer " + peer.vtep.str() +
                      " is of another family than our own tunnel address; give all nodes one of the same");
    if (!addresses.emplace(peer.vtep, &peer).second)
      throw Error(Code::bad_config,
                  subject(conf) + ": two peers have the address " + peer.vtep.str() + "; each node has its own");
    // Two tunnel ends of one name would have one MAC: the second one would take the first one's frames.
    if (!peer.node.empty() && !nodes.insert(peer.node).second)
      throw Error(Code::bad_config, subject(conf) + ": two peers are called \"" + base::printable(peer.node) +
                                        "\"; each node has a name of its own");
    for (const net::Cidr& subnet : peer.subnets) {
      const auto after = subnets.upper_bound(subnet.last());
      if (after != subnets.begin() && std::prev(after)->second.first.overlaps(subnet))
        throw Error(Code::bad_config, subject(conf) + ": peers " + std::prev(after)->second.second->vtep.str() +
                                          " and " + peer.vtep.str() + " both have " + subnet.str() +
                                          "; subnets of nodes must not overlap");
      subnets.emplace(subnet.first(), std::pair(subnet, &peer));
    }
  }
}

void take_subnets(config::NetConf& conf, const Peer* own) {
  if (conf.overlay->layer != 3 || !conf.ipam.ranges.empty() || conf.ipam.delegate) return;
  if (!own || own->subnets.empty())
    throw Error(Code::bad_config, subject(conf) + ": this node (" + conf.overlay->here->local.str() +
                                      ") has no subnet in the list of peers; add its entry with \"subnets\", or give "
                                      "\"subnets\" beside \"overlay\"");
  // As "subnets" has it: one address per family, IPv4 first.
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    ipam::RangeSet set;
    for (const net::Cidr& subnet : own->subnets)
      if (subnet.ip.family == family) set.push_back(ipam::make_range({subnet, {}, {}, {}, {}}, "overlay.peers"));
    if (!set.empty()) conf.ipam.ranges.push_back(std::move(set));
  }
}

}  // namespace

void take_part(config::NetConf& conf, std::optional<std::uint32_t> place) {
  if (!conf.ipam.node_range) return;
  const config::NodeRange& wanted = *conf.ipam.node_range;
  const std::optional<std::uint32_t> index = wanted.index ? wanted.index : place;
  if (!index)
    throw Error(Code::bad_config,
                "ipam.nodeRange of network '" + conf.name +
                    "': this node is not in the list of peers; add its entry, or give it an \"index\"");
  conf.ipam.part = index;
  for (ipam::RangeSet& set : conf.ipam.ranges) {
    const bool v4 = set.front().subnet.ip.family == net::Family::v4;
    const auto prefix = v4 ? wanted.v4 : wanted.v6;
    if (!prefix)
      throw Error(Code::bad_config, "ipam.nodeRange of network '" + conf.name + "': has no \"" +
                                        (v4 ? "prefix" : "prefix6") + "\" for " + ipam::text(set) +
                                        ", so every node would give the same addresses of it");
    auto part = ipam::part_of(set, *prefix, *index);
    if (!part)
      throw Error(Code::bad_config, "ipam.nodeRange of network '" + conf.name + "': " + ipam::text(set) +
                                        " has no part number " + std::to_string(*index) + " of prefix length " +
                                        std::to_string(*prefix) + " with a free address");
    for (const net::Cidr& asked : conf.requested_ips)
      for (const ipam::Range& range : set)
        if (ipam::usable(range, asked.ip) && !ipam::range_of(*part, asked.ip)) {
          ipam::Range one = range;
          one.first = one.last = asked.ip;
          part->push_back(std::move(one));
        }
    set = std::move(*part);
  }
}

config::NetConf as_here(engine::Context& context, const config::NetConf& conf, const std::string& file,
                        const std::string& host) {
  config::NetConf out = conf;
  Overlay& overlay = *out.overlay;
  std::vector<Peer> peers = overlay.peers;
  if (!overlay.peers_file.empty()) {
    std::vector<Peer> listed = config::parse_peers(file, overlay.peers_file);
    if (listed.empty())
      throw Error(Code::bad_config,
                  subject(conf) + ": " + overlay.peers_file +
                      " lists no node, not even this one; a network of this node alone has its entry");
    std::ranges::move(listed, std::back_inserter(peers));
  }
  const Underlay underlay = find_underlay(context, conf, peers);
  if (overlay.group && overlay.group->family != underlay.address.family)
    throw Error(Code::bad_config, subject(conf) + ": group " + overlay.group->str() +
                                      " is of another family than the tunnel address " + underlay.address.str());
  if (overlay.control == "evpn" && underlay.address.family == net::Family::v6)
    throw Error(Code::bad_config, subject(conf) +
                                      ": FRR takes IPv4 tunnel ends alone (8.4: it tells every other node a "
                                      "next hop that is none), and ours is " +
                                      underlay.address.str() + "; name an IPv4 address in \"local\"");
  check_peers(conf, peers, underlay.address.family);
  const std::string& name = overlay.node.empty() ? host : overlay.node;
  config::Here here{underlay.address, net::IfName::parse(underlay.link.name), 0, underlay.address.str(), {}, {}, 0, {}};
  std::vector<net::Cidr> segments;
  for (const kernel::HeldAddress& held : underlay.held)
    if (usable(held.cidr) && held.cidr.length < held.cidr.ip.bits()) segments.push_back(held.cidr.network());
  if (overlay.direct && underlay.link.up()) here.segments = segments;
  for (const net::Cidr& segment : segments)
    for (const Peer& peer : peers)
      if (segment.ip.family == net::Family::v4 && segment.length < 31 && peer.vtep == segment.last())
        throw Error(Code::bad_config, subject(conf) + ": peer " + peer.vtep.str() + " is the broadcast address of " +
                                          segment.str() + ", no node's");
  for (Peer& peer : peers)
    if (peer.vtep == here.local || (!peer.node.empty() && peer.node == name)) {
      if (here.own) {
        const Peer& by_name = here.own->vtep == here.local ? peer : *here.own;
        throw Error(Code::bad_config, subject(conf) + ": entry " + here.local.str() +
                                          " of the list has this node's address, entry " + by_name.vtep.str() +
                                          " its name \"" + base::printable(name) +
                                          "\"; is the host's name, or \"node\", another node's?");
      }
      here.place = static_cast<std::uint32_t>(&peer - peers.data());
      here.own = std::move(peer);
    } else {
      here.others.push_back(std::move(peer));
    }
  if (overlay.layer == 2 && config::is_listed(overlay) && here.others.size() > overlay.max_peers)
    throw Error(Code::bad_config,
                subject(conf) + ": the list has " + std::to_string(here.others.size()) +
                    " other nodes, and on layer 2 each broadcast of a pod is sent to each of them, one by one; take "
                    "\"layer\": 3 or \"control\": \"evpn\", or say with \"maxPeers\" that it may be more than " +
                    std::to_string(overlay.max_peers));
  if (here.own && !here.own->node.empty()) here.identity = here.own->node;
  const std::uint32_t head = overhead(here.local.family), carried = carried_by(context.route(), underlay.link, here);
  here.mtu = carried > head ? carried - head : 0;
  constexpr std::uint32_t kLeastIpv6 = 1280;
  if (overlay.layer == 3 && out.mtu.value_or(here.mtu) < kLeastIpv6)
    throw Error(Code::bad_config,
                subject(conf) + ": layer 3 needs an MTU of " + std::to_string(kLeastIpv6) +
                    " or more, as its next hops are IPv6 ones; " +
                    (out.mtu ? "give a larger \"mtu\""
                             : "the tunnel over " + underlay.link.name + " carries " + std::to_string(here.mtu)));
  if (out.mtu.value_or(here.mtu) > here.mtu || here.mtu < 68)
    throw Error(Code::bad_config, "\"mtu\" " + std::to_string(out.mtu.value_or(here.mtu)) +
                                      " is more than the tunnel over " + underlay.link.name + " carries (" +
                                      std::to_string(here.mtu) + "): larger frames would vanish");
  overlay.here = std::move(here);
  const config::Here& set = *overlay.here;
  take_subnets(out, set.own ? &*set.own : nullptr);
  take_part(out, !set.own ? std::nullopt : set.own->index ? set.own->index : std::optional(set.place));
  if (overlay.layer == 3) check_subnets(out, segments, kernel::addresses(context.route(), 0));
  return out;
}

}  // namespace trestle::overlay
