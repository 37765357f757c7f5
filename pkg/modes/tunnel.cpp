#include "modes/tunnel.h"

#include <utility>

#include "base/error.h"
#include "modes/gateway.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Sysctl;
using plan::Table;
using plan::Where;

namespace {

bool routes(const config::NetConf& conf) { return conf.mode == "nat" || conf.mode == "routed"; }

// Does the host have addresses on the switch?
bool has_gateway(const config::NetConf& conf) {
  return routes(conf) || (conf.mode == "isolated" && (!conf.host_access.none() || conf.guests));
}

// Tunnel packets are made here, never forwarded: a pod's own, masqueraded to our address, would be taken for ours by every peer.
std::string peers_only(const config::Overlay& overlay) {
  const bool v4 = overlay.here->local.family == net::Family::v4;
  const std::string tunnel =
      "  udp dport " + std::to_string(overlay.port) + " vxlan vni " + std::to_string(overlay.vni) + " ";
  const std::string family = v4 ? "ipv4" : "ipv6";
  std::string text =
      "table inet\nchain vxlanfwd-$ filter forward -20\n  iifname @switches" + tunnel.substr(1) + "drop\n";
  if (!config::is_guarded(overlay)) return text;  // the peers are found as they come
  return text + "set peer-$ " + family + "_addr counter\nchain vxlan-$ filter input -20\n" + tunnel +
         (v4 ? "ip" : "ip6") + " saddr @peer-$ return\n  meta nfproto " + family + tunnel.substr(1) + "drop\n";
}

// The gateway's addresses that pods may ask for.
std::vector<net::Ip> gateways(const config::NetConf& conf) {
  std::vector<net::Ip> out = {net::link_local(net::switch_mac(conf.bridge))};
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    for (const ipam::Range& range : set)
      if (range.gateway) out.push_back(*range.gateway);
  return out;
}

std::optional<net::Ip> own_address(const config::NetConf& conf, net::Family family) {
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    for (const ipam::Range& range : set)
      if (range.node && range.node->family == family) return range.node;
  return std::nullopt;
}

// The host as a station of the segment. Its switch has the gateway's MAC, as on every node: crossing the tunnel, what it sends gets a MAC of its
// own, in ARP and ND too, and what comes for that MAC is for the switch. The source of what it asks is its own address, never the gateway's.
std::string station(const config::NetConf& conf, const net::Ip& first, const std::string& gateway_mac) {
  const std::string mac = net::pod_mac(conf.bridge, first).str(),
                    out = "  jump gateway-$\n  ether saddr set " + mac + "\n";
  const auto v4 = own_address(conf, net::Family::v4), v6 = own_address(conf, net::Family::v6);
  std::string text = "chain home-$\n  ether daddr set " + gateway_mac + "\n  meta pkttype set host\n";
  text += "chain abroadarp-$\n";
  text += v4 ? "  arp operation reply arp saddr ip != " + v4->str() + " drop\n  arp saddr ip set " + v4->str() +
                   "\n  arp saddr ether set " + mac + "\n" + out
             : std::string("  drop\n");
  text += "chain abroadns-$\n";
  text += v6 ? "  ip6 saddr :: drop\n  ip6 saddr " + net::link_local(net::switch_mac(conf.bridge)).str() +
                   " ip6 saddr set " + v6->str() + "\n  nd lladdr set " + mac + "\n" + out
             : std::string("  drop\n");
  text += "chain abroadna-$\n";
  text += v6 ? "  nd target != " + v6->str() + " drop\n  nd lladdr set " + mac + "\n" + out : std::string("  drop\n");
  return text +
         "chain tunnelin-$ filter prerouting -290\n"
         "  iifname @vtep-$ jump gateway-$\n"
         "  ether daddr " +  // also from a machine that came here from another node
         mac +
         " jump home-$\n"
         "chain abroad-$\n"
         "  ether type arp goto abroadarp-$\n"
         "  icmpv6 type nd-neighbor-solicit goto abroadns-$\n"
         "  icmpv6 type nd-neighbor-advert goto abroadna-$\n"
         "  icmpv6 type nd-router-advert drop\n"
         "  ip daddr 224.0.0.0/4 drop\n"
         "  ip6 daddr ff00::/8 drop\n" +
         out + "chain tunnelout-$ filter output -290\n  oifname @vtep-$ goto abroad-$\n";
}

constexpr const char* kHostStays =
    "chain tunnelin-$ filter prerouting -290\n  iifname @vtep-$ jump gateway-$\n"
    "chain tunnelout-$ filter output -290\n"
    "  oifname @vtep-$ ether type arp drop\n"
    "  oifname @vtep-$ ip daddr 224.0.0.0/4 drop\n"
    "  oifname @vtep-$ ip6 daddr ff00::/8 drop\n"
    "  oifname @vtep-$ icmpv6 type nd-neighbor-solicit drop\n"
    "  oifname @vtep-$ icmpv6 type nd-neighbor-advert drop\n"
    "  oifname @vtep-$ icmpv6 type nd-router-advert drop\n"
    "  oifname @vtep-$ jump gateway-$\n";

// Whichever way it passes: from a pod, from the host, or out of the tunnel.
std::string gateway_stays(const config::NetConf& conf) {
  const std::string mac = net::switch_mac(conf.bridge).str();
  std::string text = "table bridge\nset vtep-$ ifname\nchain gateway-$\n  ether daddr " + mac + " drop\n";
  for (const net::Ip& ip : gateways(conf))
    text += ip.family == net::Family::v4
                ? "  arp daddr ip " + ip.str() + " drop\n  arp saddr ip " + ip.str() + " drop\n"
                : "  icmpv6 type nd-neighbor-solicit nd target " + ip.str() +
                      " drop\n  icmpv6 type nd-neighbor-advert "
                      "nd target " +
                      ip.str() + " drop\n  ip6 saddr " + ip.str() + " drop\n";
  const auto v4 = own_address(conf, net::Family::v4), v6 = own_address(conf, net::Family::v6);
  return text + (v4 || v6 ? station(conf, v4 ? *v4 : *v6, mac) : kHostStays) +
         "chain tunnelfwd-$ filter forward -300\n  oifname @vtep-$ jump gateway-$\n";
}

constexpr const char* kToPods =
    "table inet\n"
    "chain tunnel-$\n"
    "  oifname @if-$ return\n"
    "  meta l4proto tcp reject with tcp reset\n"
    "  reject with icmpx admin-prohibited\n";

bool past_tunnel(const config::NetConf& conf) { return conf.overlay && conf.overlay->direct; }

// Pods elsewhere are the network's, and have no more of the host than its own; the other nodes themselves are its like.
std::string to_host(const config::NetConf& conf) {
  if (conf.host_access.all) return "";
  const bool v4 = conf.overlay->here->local.family == net::Family::v4;
  // Looked for by its absence: what is found counts, and the tunnel's packets alone are to be counted.
  return std::string("table inet\nchain hosttun-$\n  meta nfproto ") + (v4 ? "ipv6" : "ipv4") + " goto input-$\n  " +
         (v4 ? "ip" : "ip6") + " saddr != @peer-$ goto input-$\n";
}

std::string named(std::string text, const net::IfName& bridge) {
  for (std::size_t at = 0; (at = text.find('$', at)) != std::string::npos; at += bridge.str().size())
    text.replace(at, 1, bridge.str());
  return text;
}

}  // namespace

std::string tunnel_text(const SwitchInput& in) {
  if (!in.conf.overlay) return "";
  const config::Overlay& overlay = *in.conf.overlay;
  std::string text = peers_only(overlay);
  if (overlay.layer == 3) text += kToPods + to_host(in.conf);
  if (overlay.layer == 2 && has_gateway(in.conf)) text += gateway_stays(in.conf);
  return named(text, in.conf.bridge);
}

std::string direct_sets(const config::NetConf& conf) {
  if (!past_tunnel(conf)) return "";
  return "set direct4-$ ipv4_addr interval\nset direct6-$ ipv6_addr interval\nset underlay-$ ifname\n";
}
std::string to_direct(const config::NetConf& conf) {
  if (!past_tunnel(conf)) return "";
  return "  oifname @underlay-$ ip daddr @direct4-$ return\n  oifname @underlay-$ ip6 daddr @direct6-$ return\n";
}
std::string from_direct(const config::NetConf& conf) {
  if (!past_tunnel(conf)) return "";
  const char* hosts = conf.overlay->here->local.family == net::Family::v4 ? "ip" : "ip6";
  return std::string("  iifname @underlay-$ ip saddr @direct4-$ return\n") +
         "  iifname @underlay-$ ip6 saddr @direct6-$ return\n  iifname @underlay-$ " + hosts +
         " saddr @peer-$ return\n";
}

void add_tunnel(std::vector<Step>& steps, const SwitchInput& in) {
  if (!in.conf.overlay) return;
  const config::Overlay& overlay = *in.conf.overlay;
  const net::IfName vtep = config::vtep_of(overlay), &bridge = in.conf.bridge;
  const bool layer2 = overlay.layer == 2;
  if (layer2 && has_gateway(in.conf))
    steps.emplace_back(Elements{Table::bridge, "vtep-" + bridge.str(), {Element{{vtep}, {}}}});
  if (!layer2) {
    steps.emplace_back(Elements{Table::inet, "if-" + bridge.str(), {Element{{vtep}, {}}}});
    steps.emplace_back(Elements{Table::inet, "leave", {Element{{vtep}, "tunnel-" + bridge.str()}}});
    // What goes into the tunnel is for pods of this network: it needs what any packet to a pod does, or whoever routes by this node reaches
    // the pods of all others.
    steps.emplace_back(Elements{Table::inet, "enter", {Element{{vtep}, "enter-" + bridge.str()}}});
    if (!in.conf.host_access.all)
      steps.emplace_back(Elements{Table::inet, "input", {Element{{vtep}, "hosttun-" + bridge.str()}}});
  }
  const bool kept = in.facts.tunnel && in.facts.tunnel->link == vtep;
  const plan::Facts::Tunnel end =
      kept ? *in.facts.tunnel
           : plan::Facts::Tunnel{vtep, overlay.here->underlay, overlay.here->local, overlay.here->identity};
  plan::Vxlan vxlan{vtep,
                    {},
                    overlay.vni,
                    overlay.port,
                    end.local,
                    overlay.group,
                    {},
                    false,
                    overlay.control == "evpn",
                    false,
                    net::vtep_mac(overlay.vni, end.identity),
                    mtu(in.conf, in.facts),
                    net::switch_group(in.state_dir)};
  if (layer2) vxlan.master = bridge;
  if (overlay.control == "multicast") vxlan.underlay = end.underlay;
  // Where nobody tells which node a station is on, what is sent to one would go to every node for ever. Peers alone are listened to, and their
  // guards keep their pods to their own MACs.
  vxlan.learning = layer2 && overlay.control != "evpn";
  vxlan.tx_checksum = overlay.tx_checksum;
  vxlan.isolated = layer2 && in.conf.port_isolation;
  steps.emplace_back(vxlan);
  if (layer2) return;
  // What a host elsewhere sends to our pods has its underlay address, which leads back by another link. The kernel lets that pass only where
  // the filter is loose and the link has an address, which is the subnet's own, as flannel's is.
  for (const ipam::RangeSet& set : in.conf.ipam.ranges)
    for (const ipam::Range& range : set)
      if (range.subnet.ip.family == net::Family::v4)
        steps.emplace_back(plan::Address{{Where::host, vtep}, net::Cidr::host(range.subnet.first())});
  steps.emplace_back(Sysctl{Where::host, "net/ipv4/conf/" + vtep.str() + "/rp_filter", "2"});
  if (!in.facts.ipv6)
    throw base::Error(base::Code::kernel_lacks, "network '" + in.conf.name +
                                                    "': this host has no IPv6, and the next hops of a layer-3 overlay "
                                                    "are IPv6 ones; start it without ipv6.disable=1");
  for (const auto& [key, value] : {std::pair{"disable_ipv6", "0"}, {"accept_ra", "0"}})
    steps.emplace_back(Sysctl{Where::host, "net/ipv6/conf/" + vtep.str() + "/" + key, value});
}

void add_endpoint(std::vector<Step>& steps, const AttachmentInput& in) {
  if (!in.conf.overlay || in.conf.overlay->control != "evpn" || in.conf.tap) return;
  const bool v6 = in.facts.ipv6 && has_gateway(in.conf);  // a switch without the host has no IPv6, nor neighbours by it
  for (const plan::LeasedIp& ip : in.lease.ips)
    if (ip.cidr.ip.family == net::Family::v4 || v6)
      steps.emplace_back(plan::Neighbour{{Where::host, in.conf.bridge}, ip.cidr.ip, in.lease.mac, false});
}

std::vector<Elements> peer_elements(const net::IfName& bridge, const config::Overlay& overlay) {
  const auto set = [&](const char* name) { return Elements{Table::inet, name + bridge.str(), {}}; };
  std::vector<Elements> out = {set("peer-")};
  for (const config::Peer& peer : overlay.here->others) out.front().elements.push_back(Element{{peer.vtep}, {}});
  if (!overlay.direct) return out;
  Elements v4 = set("direct4-"), v6 = set("direct6-"), link = set("underlay-");
  link.elements.push_back(Element{{overlay.here->underlay}, {}});
  for (const config::Peer& peer : overlay.here->others)
    for (const net::Cidr& subnet : peer.subnets)
      if (config::is_direct(overlay, peer, subnet.ip.family))
        (subnet.ip.family == net::Family::v4 ? v4 : v6).elements.push_back(Element{{subnet}, {}});
  for (Elements* one : {&v4, &v6, &link}) out.push_back(std::move(*one));
  return out;
}

}  // namespace trestle::modes
