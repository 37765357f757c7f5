#include "app/refuse.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "engine/apply.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "plan/nic_use.h"
#include "plan/plan.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// A link that is not ours must not be touched, and neither must what belongs to it.
void refuse_foreign(Session& session, const store::Part& part) {
  for (const plan::Step& step : part.steps)
    if (const auto* bridge = std::get_if<plan::Bridge>(&step)) engine::refuse_foreign(session.context(), *bridge);
}

// Layer 3: the tunnel is no port, so nothing else of two such switches differs but where they lead what comes out of it.
[[noreturn]] void refuse_vni(const std::string& network, const net::IfName& bridge, const store::Part& other,
                             std::uint32_t vni, std::uint16_t port) {
  throw Error(Code::held, "network '" + network + "' on switch " + bridge.str() + " and network '" + other.network +
                              "' on " + other.bridge.str() + " have one VNI, " + std::to_string(vni) + " on port " +
                              std::to_string(port) + "; give this network another \"vni\", the same on all nodes");
}

void refuse_shared_tunnel(const store::Part& mine, const store::Part& other) {
  if (mine.bridge == other.bridge) return;
  for (const plan::Step& a : mine.steps)
    for (const plan::Step& b : other.steps) {
      const auto *here = std::get_if<plan::Vxlan>(&a), *there = std::get_if<plan::Vxlan>(&b);
      if (here && there && here->link == there->link)
        refuse_vni(mine.network, mine.bridge, other, here->vni, here->port);
    }
}

std::vector<plan::Step> tunnels_of(const store::Part& part) {
  std::vector<plan::Step> out;
  std::ranges::copy_if(part.steps, std::back_inserter(out),
                       [](const plan::Step& step) { return std::holds_alternative<plan::Vxlan>(step); });
  return out;
}

// By subnet, what guests there are told: the lines of dnsmasq, each without the tag that its network's name is in.
std::map<std::string, std::string> told_by_subnet(const store::Part& part) {
  std::map<std::string, std::string> out;
  for (const plan::Step& step : part.steps)
    if (const auto* service = std::get_if<plan::Service>(&step))
      for (const plan::ServiceFile& file : service->files) {
        std::string* told = nullptr;
        for (const std::string& line : base::split(file.text, '\n')) {
          const std::string rest = line.substr(std::min(line.size(), line.find(',')));
          if (line.starts_with("dhcp-range=")) told = &out[rest];
          if (told != nullptr) *told += rest + "\n";
        }
      }
  return out;
}

// dnsmasq knows one of them, and told the guests of both what one network's configuration has.
void refuse_shared_guests(const store::Part& mine, const store::Part& other) {
  if (mine.bridge != other.bridge || mine.network == other.network) return;
  const auto there = told_by_subnet(other);
  for (const auto& [subnet, told] : told_by_subnet(mine))
    if (const auto same = there.find(subnet); same != there.end() && same->second != told)
      throw Error(Code::held, "network '" + mine.network + "' and network '" + other.network + "' share switch " +
                                  mine.bridge.str() +
                                  " and a subnet, and tell their guests different things by DHCP "
                                  "(routes, \"dns\", \"ntp\", \"mtu\"); give both the same, or this one another "
                                  "\"bridge\" or subnet");
}

// A bond took another network's uplink away and was refused afterwards; a NIC that became a port of a switch led nobody out of the host any more.
void refuse_shared_nic(const store::Part& mine, const store::Part& other) {
  const auto clash = plan::nic_conflict(mine.steps, other.steps);
  if (!clash) return;
  const auto is_way = [](const plan::NicUse& use) { return use.kind == plan::NicUse::Kind::way_out; };
  const plan::NicUse &here = clash->mine, &there = clash->theirs;
  const std::string instead = is_way(here) || is_way(there)
                                  ? "give '" + (is_way(here) ? mine : other).network + "' \"uplink\": \"" +
                                        (is_way(here) ? other : mine).bridge.str() +
                                        "\" (or none), or the other another NIC"
                                  : "name another NIC, or the same \"uplink\" and \"bridge\" in both";
  throw Error(Code::held, "network '" + mine.network + "' wants NIC " + here.nic.str() + " as " + plan::describe(here) +
                              ", and network '" + other.network + "' has it as " + plan::describe(there) + "; " +
                              instead);
}

void refuse_conflict(Session& session, const store::Part& mine) {
  for (const store::Part& other : session.store().parts()) {
    refuse_shared_tunnel(mine, other);
    refuse_shared_nic(mine, other);
    refuse_shared_guests(mine, other);
    if (other.digest == mine.digest && other.bridge == mine.bridge) continue;
    auto clash = plan::conflict(mine.steps, other.steps);
    // A changed configuration renews the network's rules, and hides by that what it may not change under its pods.
    if (clash && other.network == mine.network && std::holds_alternative<plan::Rules>(clash->mine))
      clash = plan::conflict(tunnels_of(mine), tunnels_of(other));
    if (!clash || (other.network == mine.network && std::holds_alternative<plan::Rules>(clash->mine))) continue;
    if (std::holds_alternative<plan::Rules>(clash->mine))
      throw Error(Code::held, "network '" + mine.network + "' and network '" + other.network + "' share switch " +
                                  mine.bridge.str() +
                                  " and must have the same 'mode', 'hostAccess', 'portIsolation', 'uplink' and "
                                  "'guestServices' there; give both the same, or this network another 'bridge'");
    throw Error(Code::held, "network '" + mine.network + "' wants '" + plan::describe(clash->mine) + "' but network '" +
                                other.network + "' has made it '" + plan::describe(clash->theirs) +
                                "'; give both the same value, or this network another 'bridge'");
  }
}

// The networks that the host will reach by the switch.
std::vector<net::Cidr> subnets(const std::vector<plan::Step>& steps) {
  std::vector<net::Cidr> out;
  const auto put = [&](const net::Cidr& cidr) {
    if (cidr.length < cidr.ip.bits() && !cidr.ip.is_link_local() &&
        std::find(out.begin(), out.end(), cidr) == out.end())
      out.push_back(cidr);
  };
  for (const plan::Step& step : steps) {
    const auto* address = std::get_if<plan::Address>(&step);
    if (address && address->link.where == plan::Where::host) put(address->cidr.network());
    const auto* route = std::get_if<plan::Route>(&step);
    if (route && route->dev.where == plan::Where::host) put(route->dst.network());
  }
  return out;
}

// Halves of the Internet (a VPN that takes everything) and the like are no subnet of anybody.
bool is_wide(const net::Cidr& cidr) { return cidr.length < (cidr.ip.family == net::Family::v4 ? 8U : 16U); }

// Whoever is more special wins: a route into the subnet takes its part of the pods away, and the subnet takes its part of a LAN away. A route
// by a gateway to more than the subnet loses nothing that was ever near.
bool collide(const net::Cidr& subnet, const kernel::Way& way) {
  if (!way.dst.overlaps(subnet) || is_wide(way.dst)) return false;
  return way.direct || way.dst.length >= subnet.length;
}

}  // namespace

void refuse_used_subnets(Session& session, const config::NetConf& conf, const std::vector<plan::Step>& steps) {
  const std::vector<net::Cidr> wanted = subnets(steps);
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (std::none_of(wanted.begin(), wanted.end(), [&](const net::Cidr& c) { return c.ip.family == family; })) continue;
    const std::vector<kernel::Way> ways = kernel::ways(session.context().route(), family);
    for (const net::Cidr& subnet : wanted)
      for (const kernel::Way& way : ways) {
        if (subnet.ip.family != family || !collide(subnet, way)) continue;
        const auto link = kernel::get_link(session.context().route(), way.link);
        if (!link || link->name == conf.bridge.str()) continue;
        // With proxyArp the pods are a piece of the LAN.
        const bool on_lan = conf.proxy_arp && conf.uplink && way.dst.length < subnet.length &&
                            std::any_of(conf.uplink->links.begin(), conf.uplink->links.end(),
                                        [&](const net::IfName& nic) { return nic.str() == link->name; });
        if (on_lan) continue;
        throw Error(Code::bad_config,
                    "subnet " + subnet.str() + " of network '" + conf.name + "' is in use on this host: its route " +
                        way.dst.str() + " leads by link " + link->name +
                        ", so pods and that network could not both be reached; give this network another subnet (or "
                        "remove that route, if it is a left-over)");
      }
  }
}

void refuse_part(Session& session, const config::NetConf& conf, const store::Part& part) {
  refuse_foreign(session, part);
  refuse_conflict(session, part);
  refuse_used_subnets(session, conf, part.steps);
}

void refuse_other_tunnel(Session& session, const config::NetConf& nic) {
  const config::Overlay& overlay = *nic.overlay;
  for (const store::Part& part : session.store().parts())
    for (const plan::Step& step : part.steps) {
      const auto* there = std::get_if<plan::Vxlan>(&step);
      if (there == nullptr || there->link != config::vtep_of(overlay)) continue;
      if (part.bridge != nic.bridge) refuse_vni(nic.name, nic.bridge, part, overlay.vni, overlay.port);
      if (there->master.has_value() == (overlay.layer == 2) && there->told == (overlay.control == "evpn") &&
          there->multicast.has_value() == (overlay.control == "multicast"))
        continue;
      throw Error(Code::held,
                  "network '" + nic.name + "': its tunnel " + there->link.str() +
                      " was made for another \"layer\" or \"control\", and pods live with it; take the pods "
                      "away before, or give the old values back");
    }
}

}  // namespace trestle::app
