#include "overlay/frr_text.h"

#include <set>

#include "base/error.h"

namespace trestle::overlay {

namespace {

constexpr const char* kAs = "65000";  // private; of all nodes

// A router's id is written as an IPv4 address, and any number will do where there is none.
std::string router_id(const net::Ip& local) {
  if (local.family == net::Family::v4) return local.str();
  const auto low = static_cast<std::uint32_t>(local.value ^ (local.value >> 64));
  return net::Ip{net::Family::v4, low | 0x0a000000U}.str();
}

}  // namespace

std::string frr_conf(const config::NetConf& conf, const std::vector<net::Ip>& reflectors, bool reflector) {
  const config::Overlay& overlay = *conf.overlay;
  const net::Ip& local = overlay.here->local;
  if (overlay.control != "evpn")
    throw base::Error(base::Code::bad_config, "network '" + conf.name + "' has control \"" + overlay.control +
                                                  "\": its peers come from elsewhere, and FRR would announce nothing "
                                                  "of it; give \"control\": \"evpn\"");
  std::vector<net::Ip> neighbours = reflectors;
  if (neighbours.empty() || reflector)
    for (const config::Peer& peer : overlay.here->others) neighbours.push_back(peer.vtep);
  std::erase(neighbours, local);
  if (neighbours.empty())
    throw base::Error(base::Code::bad_config, "network '" + conf.name +
                                                  "': there is no node but this one to speak to; name the others in "
                                                  "\"peers\", or other nodes by --reflectors");
  std::string out =
      "! frr.conf of this node for network '" + conf.name + "' (VNI " + std::to_string(overlay.vni) +
      "), by 'trestle overlay frr-config'.\n"
      "! zebra and bgpd must run (/etc/frr/daemons: bgpd=yes). A peer that does not hear from bgpd withdraws this\n"
      "! node's pods within the hold time: keep it supervised.\n"
      "frr defaults datacenter\nhostname " +
      (overlay.here->identity.empty() ? local.str() : overlay.here->identity) + "\n!\nrouter bgp " + kAs +
      "\n bgp router-id " + router_id(local) +
      "\n no bgp default ipv4-unicast\n neighbor NODES peer-group\n neighbor NODES remote-as " + kAs +
      // The tunnel's end may be on lo: the session comes from there, not from where the route leaves.
      "\n neighbor NODES update-source " + local.str() +
      "\n neighbor NODES timers 3 9\n neighbor NODES timers connect 1\n";
  if (reflector) out += " bgp cluster-id " + router_id(local) + "\n bgp listen limit 5000\n";
  std::set<net::Ip> told;
  for (const net::Ip& ip : neighbours)
    if (told.insert(ip).second) out += " neighbor " + ip.str() + " peer-group NODES\n";
  out += " !\n address-family l2vpn evpn\n  neighbor NODES activate\n";
  if (reflector) out += "  neighbor NODES route-reflector-client\n";
  return out + "  advertise-all-vni\n exit-address-family\nexit\n!\n";
}

}  // namespace trestle::overlay
