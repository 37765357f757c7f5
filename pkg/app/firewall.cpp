#include "app/firewall.h"

#include <algorithm>
#include <set>

#include "kernel/address.h"
#include "kernel/foreign.h"
#include "kernel/link.h"
#include "kernel/nft_publish.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"

namespace trestle::app {

namespace {

// Both directions: in and out by the switch.
std::string twice(const std::string& before, const std::string& in, const std::string& out, const std::string& after) {
  return before + in + after + " && " + before + out + after;
}

bool has_chain(const kernel::ForeignDrop& drop, std::string_view prefix) {
  return std::any_of(drop.chains.begin(), drop.chains.end(),
                     [&](const std::string& chain) { return std::string_view(chain).starts_with(prefix); });
}

// The tool's own way, so that it survives the tool's next reload.
std::string remedy(const kernel::ForeignDrop& drop, const std::string& bridge) {
  const std::string iptables =
      std::string(drop.family == "ip6" ? "ip6tables" : "iptables") + (drop.legacy ? "-legacy" : "");
  if (drop.table == "firewalld")
    return "firewall-cmd --permanent --zone=trusted --add-interface=" + bridge + " && firewall-cmd --reload";
  if (has_chain(drop, "ufw"))
    return drop.forward ? twice("ufw route allow ", "in on ", "out on ", bridge) : "ufw allow in on " + bridge;
  if (drop.forward && has_chain(drop, "DOCKER-USER"))
    return twice(iptables + " -I DOCKER-USER ", "-i ", "-o ", bridge + " -j ACCEPT");
  if (drop.legacy || (drop.table == "filter" && (drop.chain == "FORWARD" || drop.chain == "INPUT")))
    return drop.forward ? twice(iptables + " -I FORWARD ", "-i ", "-o ", bridge + " -j ACCEPT")
                        : iptables + " -I INPUT -i " + bridge + " -j ACCEPT";
  const std::string insert = "nft insert rule " + drop.family + " " + drop.table + " " + drop.chain + " ";
  return drop.forward ? twice(insert, "iifname ", "oifname ", bridge + " accept")
                      : insert + "iifname " + bridge + " accept";
}

std::string port_remedy(const kernel::ForeignDrop& drop, std::uint16_t number) {
  const std::string port = std::to_string(number);
  if (drop.table == "firewalld") return "firewall-cmd --permanent --add-port=" + port + "/udp && firewall-cmd --reload";
  if (has_chain(drop, "ufw")) return "ufw allow " + port + "/udp";
  if (drop.legacy || (drop.table == "filter" && drop.chain == "INPUT"))
    return std::string(drop.family == "ip6" ? "ip6tables" : "iptables") + (drop.legacy ? "-legacy" : "") +
           " -I INPUT -p udp --dport " + port + " -j ACCEPT";
  return "nft insert rule " + drop.family + " " + drop.table + " " + drop.chain + " udp dport " + port + " accept";
}

std::string whose(const kernel::ForeignDrop& drop) {
  if (drop.table == "firewalld") return "firewalld";
  if (has_chain(drop, "ufw")) return "ufw";
  if (has_chain(drop, "DOCKER")) return "Docker";
  return drop.legacy ? "iptables-legacy" : "another table";
}

bool bridge_filters() {
  const auto on = [](const char* key) { return kernel::read_sysctl(std::string("net/bridge/") + key) == "1"; };
  return on("bridge-nf-call-iptables") || on("bridge-nf-call-ip6tables");
}

}  // namespace

std::optional<std::string> bridged_ports(const net::IfName& bridge) {
  if (!bridge_filters()) return std::nullopt;
  return "pods of switch " + bridge.str() +
         " do not reach ports that it publishes itself: br_netfilter leads them from port to port, where "
         "\"portIsolation\" "
         "ends them; remedy: sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0";
}

std::vector<std::string> foreign_drops(Session& session, const config::Overlay& overlay) {
  const config::Here& here = *overlay.here;
  kernel::TunnelInput tunnel{here.local.family, overlay.port, here.underlay.str(), {}};
  for (const config::Peer& peer : here.others) tunnel.peers.push_back(peer.vtep);
  std::vector<std::string> out;
  for (const kernel::ForeignDrop& drop : kernel::foreign_drops(session.context().nft(), tunnel))
    out.push_back(whose(drop) + " drops what other nodes send to the tunnel " + config::vtep_of(overlay).str() +
                  ": chain " + drop.family + " " + drop.table + " " + drop.chain +
                  " lets pass only what it names; remedy: " + port_remedy(drop, overlay.port));
  return out;
}

std::optional<std::string> ports_past(Session& session, const net::IfName& bridge) {
  if (!bridge_filters()) return std::nullopt;
  kernel::Socket& host = session.context().route();
  const auto index = kernel::link_index(host, bridge);
  if (!index || kernel::list_published(session.context().nft()).empty()) return std::nullopt;
  const auto own = kernel::addresses(host, *index);
  if (std::ranges::any_of(own, [](const net::Cidr& address) { return !address.ip.is_link_local(); }))
    return std::nullopt;
  return "pods of switch " + bridge.str() +
         " do not reach ports that this host publishes: br_netfilter translates them on the way to the LAN, and loses "
         "the answer that comes back by the same switch; remedy: "
         "sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0";
}

std::optional<std::string> stopped_forwarding(Session& session, const std::optional<net::IfName>& uplink) {
  std::string nic = uplink ? uplink->str() : "";
  if (!uplink)
    if (const auto out = kernel::way_out(session.context().route(), net::Family::v4))
      if (const auto link = kernel::get_link(session.context().route(), *out)) nic = link->name;
  if (nic.empty() || kernel::read_sysctl("net/ipv4/conf/" + nic + "/forwarding") != "0") return std::nullopt;
  return "nothing comes back to the pods by " + nic +
         ", whose IPv4 forwarding is off; remedy: sysctl -w net.ipv4.conf." + nic + ".forwarding=1";
}

std::vector<std::string> foreign_drops(Session& session, const net::IfName& bridge, bool routed, bool asked) {
  std::vector<std::string> out;
  const bool bridged = bridge_filters();
  for (const kernel::ForeignDrop& drop : kernel::foreign_drops(session.context().nft(), bridge)) {
    if (!(drop.forward ? routed || bridged : asked)) continue;
    const std::string what =
        drop.forward ? (routed ? "forwarded packets" : "frames between the ports, which br_netfilter hands to it,")
                     : "what pods send to the host";
    out.push_back(whose(drop) + (drop.unsure ? " may drop " : " drops ") + what + " of switch " + bridge.str() +
                  ": chain " + drop.family + " " + drop.table + " " + drop.chain + " lets pass only what it names" +
                  (drop.unsure ? ", some of it by address; if the pods are not among it, remedy: " : "; remedy: ") +
                  remedy(drop, bridge.str()) +
                  (routed || !bridged || !drop.forward ? ""
                                                       : ", or: sysctl -w net.bridge.bridge-nf-call-iptables=0 "
                                                         "net.bridge.bridge-nf-call-ip6tables=0"));
  }
  return out;
}

}  // namespace trestle::app
