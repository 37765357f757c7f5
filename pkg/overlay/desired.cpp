#include "overlay/desired.h"

#include <algorithm>
#include <map>
#include <set>

#include "net/names.h"
#include "plan/plan.h"

namespace trestle::overlay {

using plan::LinkRef;
using plan::Step;
using plan::Where;

namespace {

constexpr std::uint32_t kOurs = 0x40000000, kPlaces = 0x3fffffff;

std::uint32_t place_of(const net::IfName& vtep, const net::Mac& mac) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the number is told to the kernel, and the same in every process
  for (const char c : vtep.str() + mac.str()) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return static_cast<std::uint32_t>((hash ^ (hash >> 32)) & kPlaces);
}

struct Way {
  const config::Peer* peer;
  net::Mac mac;
  std::uint32_t nexthop = 0;
};

// Two peers that would have one number: the later one in the order of the MACs takes the next that is free.
std::vector<Way> ways(const config::Overlay& overlay, const net::IfName& vtep) {
  std::vector<Way> out;
  for (const config::Peer& peer : overlay.here->others)
    out.push_back({&peer, net::vtep_mac(overlay.vni, peer.node.empty() ? peer.vtep.str() : peer.node)});
  std::sort(out.begin(), out.end(), [](const Way& a, const Way& b) { return a.mac < b.mac; });
  std::set<std::uint32_t> taken;
  for (Way& way : out) {
    std::uint32_t place = place_of(vtep, way.mac);
    while (!taken.insert(place).second) place = (place + 1) & kPlaces;
    way.nexthop = kOurs | place;
  }
  return out;
}

std::vector<Step> layer3(const config::Overlay& overlay, const net::IfName& vtep) {
  const LinkRef dev{Where::host, vtep};
  const std::vector<Way> all = ways(overlay, vtep);
  std::vector<Step> out;
  for (const Way& way : all) out.push_back(plan::Fdb{vtep, way.mac, way.peer->vtep});
  for (const Way& way : all) out.push_back(plan::Neighbour{dev, net::link_local(way.mac), way.mac, false});
  for (const Way& way : all) out.push_back(plan::Nexthop{way.nexthop, vtep, net::link_local(way.mac)});
  for (const Way& way : all)
    for (const net::Cidr& subnet : way.peer->subnets) {
      plan::Route route{dev, subnet, std::nullopt, {}, {}, {}, {}, {}, way.nexthop};
      if (subnet.ip.family == overlay.here->local.family) route.source = overlay.here->local;
      out.emplace_back(std::move(route));
    }
  return out;
}

std::vector<Step> layer2(const config::Overlay& overlay, const net::IfName& vtep) {
  std::vector<Step> out;
  for (const config::Peer& peer : overlay.here->others) out.push_back(plan::Fdb{vtep, net::Mac{}, peer.vtep});
  return out;
}

}  // namespace

std::vector<Step> desired(const config::NetConf& conf) {
  const config::Overlay& overlay = *conf.overlay;
  if (overlay.control != "static") return {};
  const net::IfName vtep = net::vtep_name(overlay.vni, overlay.port);
  return overlay.layer == 3 ? layer3(overlay, vtep) : layer2(overlay, vtep);
}

Difference difference(const std::vector<Step>& there, const std::vector<Step>& wanted) {
  std::map<std::string, const Step*> kept;
  for (const Step& step : wanted) kept.emplace(plan::describe(step), &step);
  std::set<std::string> had;
  Difference out;
  for (const Step& step : there) {
    std::string text = plan::describe(step);
    if (kept.contains(text))
      had.insert(std::move(text));
    else
      out.gone.push_back(step);
  }
  std::reverse(out.gone.begin(), out.gone.end());
  for (const Step& step : wanted)
    if (!had.contains(plan::describe(step))) out.fresh.push_back(step);
  return out;
}

}  // namespace trestle::overlay
