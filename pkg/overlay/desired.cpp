#include "overlay/desired.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "net/names.h"
#include "overlay/nexthop_id.h"
#include "plan/plan.h"

namespace trestle::overlay {

using config::vtep_of;
using plan::LinkRef;
using plan::Step;
using plan::Where;

namespace {

// A tunnel's places lie together, so that two tunnels of thousands of peers each do not want the same one: a next hop's number is the
// namespace's, not its link's.
constexpr std::uint32_t kPlacesOfTunnel = 0x3ffff;
static_assert((kPlaces & ~kPlacesOfTunnel) != 0);

std::uint32_t number_of(std::string_view text) { return static_cast<std::uint32_t>(base::hash64(text)); }

struct Way {
  const config::Peer* peer;
  net::Mac mac;
  std::uint64_t order = 0;  // the MAC as a number
  std::uint32_t place = 0;
};

std::uint64_t order_of(const net::Mac& mac) {
  std::uint64_t out = 0;
  for (const std::uint8_t byte : mac.bytes) out = out << 8 | byte;
  return out;
}

// One per peer, in their order. `like`: what has been computed for another list, which is most of the work.
struct Macs {
  const std::vector<config::Peer>* peers;
  std::vector<net::Mac> all;
};
Macs macs(const config::Overlay& overlay, const Macs* like = nullptr) {
  Macs out{&overlay.here->others, {}};
  net::VtepMacs anew(overlay.vni);
  out.all.reserve(out.peers->size());
  for (const config::Peer& peer : *out.peers) {
    const std::size_t at = out.all.size();
    const bool same =
        like && at < like->all.size() && (*like->peers)[at].vtep == peer.vtep && (*like->peers)[at].node == peer.node;
    out.all.push_back(same ? like->all[at] : anew.of(peer.node.empty() ? peer.vtep.str() : peer.node));
  }
  return out;
}

// In the order of the MACs. Two peers that would have one place: the later one takes the next that is free.
std::vector<Way> ways(const config::Overlay& overlay, const Macs& known) {
  const std::uint32_t tunnel = number_of(vtep_of(overlay).str()) & kPlaces & ~kPlacesOfTunnel;
  std::vector<Way> out;
  out.reserve(known.all.size());
  for (std::size_t i = 0; i < known.all.size(); ++i)
    out.push_back({&(*known.peers)[i], known.all[i], order_of(known.all[i])});
  std::sort(out.begin(), out.end(), [](const Way& a, const Way& b) { return a.order < b.order; });
  std::vector<bool> taken(kPlacesOfTunnel + 1);
  for (Way& way : out) {
    const auto& bytes = way.mac.bytes;
    std::uint32_t place = number_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) & kPlacesOfTunnel;
    while (taken[place]) place = (place + 1) & kPlacesOfTunnel;
    taken[place] = true;
    way.place = tunnel | place;
  }
  return out;
}

std::vector<Way> ways(const config::Overlay& overlay) { return ways(overlay, macs(overlay)); }

Step route_to(const config::Overlay& overlay, const Way& way, const net::Cidr& subnet) {
  const config::Here& here = *overlay.here;
  const bool direct = config::is_direct(overlay, *way.peer, subnet.ip.family);
  plan::Route route{{Where::host, direct ? here.underlay : vtep_of(overlay)}, subnet, std::nullopt, {}, {}, {}, {}, {},
                    (direct ? kPastTunnel : kThroughTunnel) | way.place};
  if (subnet.ip.family == here.local.family) route.source = here.local;
  return route;
}

std::vector<Step> layer3(const config::Overlay& overlay, const std::vector<Way>& all) {
  const net::IfName vtep = vtep_of(overlay);
  const LinkRef dev{Where::host, vtep};
  std::vector<Step> out;
  for (const Way& way : all) out.emplace_back(plan::Fdb{vtep, way.mac, way.peer->vtep});
  for (const Way& way : all) out.emplace_back(plan::Neighbour{dev, net::link_local(way.mac), way.mac, false});
  for (const Way& way : all)
    out.emplace_back(plan::Nexthop{kThroughTunnel | way.place, vtep, net::link_local(way.mac)});
  for (const Way& way : all)
    if (config::is_direct(overlay, *way.peer, way.peer->vtep.family))
      out.emplace_back(plan::Nexthop{kPastTunnel | way.place, overlay.here->underlay, way.peer->vtep});
  for (const Way& way : all)
    for (const net::Cidr& subnet : way.peer->subnets) out.push_back(route_to(overlay, way, subnet));
  return out;
}

std::vector<Step> layer2(const config::Overlay& overlay, const std::vector<Way>& all) {
  std::vector<Step> out;
  for (const Way& way : all) out.emplace_back(plan::Fdb{vtep_of(overlay), net::Mac{}, way.peer->vtep});
  return out;
}

std::vector<Step> steps_of(const config::Overlay& overlay, const std::vector<Way>& all) {
  return overlay.layer == 3 ? layer3(overlay, all) : layer2(overlay, all);
}

}  // namespace

std::vector<Step> desired(const config::Overlay& overlay) {
  return config::is_listed(overlay) ? steps_of(overlay, ways(overlay)) : std::vector<Step>();
}

std::uint32_t a_nexthop(const config::Overlay& overlay) {
  if (overlay.layer != 3 || !config::is_listed(overlay) || overlay.here->others.empty()) return 0;
  const std::vector<Way> all = ways(overlay);
  for (const Way& way : all)
    if (config::is_direct(overlay, *way.peer, way.peer->vtep.family)) return kPastTunnel | way.place;
  return kThroughTunnel | all.front().place;
}

PeerChange change(const config::Overlay& before, const config::Overlay& now) {
  const Macs known = macs(before);
  const std::vector<Way> had = ways(before, known), have = ways(now, macs(now, &known));
  std::vector<Way> gone, fresh;
  auto old = had.begin();
  for (const Way& way : have) {
    while (old != had.end() && old->order < way.order) gone.push_back(*old++);
    const bool both = old != had.end() && old->order == way.order;
    if (both && old->place == way.place && *old->peer == *way.peer) {
      ++old;
      continue;
    }
    if (both) gone.push_back(*old++);
    fresh.push_back(way);
  }
  gone.insert(gone.end(), old, had.end());
  PeerChange out;
  for (const Way& way : gone) out.gone.push_back(*way.peer);
  for (const Way& way : fresh) out.fresh.push_back(*way.peer);
  out.steps = difference(steps_of(before, gone), steps_of(now, fresh));
  return out;
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
