#include "app/tunnel_guard.h"

#include <algorithm>
#include <set>
#include <string>

#include "engine/apply.h"
#include "engine/undo.h"
#include "kernel/nft.h"
#include "modes/tunnel.h"
#include "plan/plan.h"

namespace trestle::app {

namespace {

// A few peers that have an element in every set.
config::Overlay samples(const config::Overlay& overlay) {
  config::Overlay out = without_peers(overlay);
  for (const config::Peer& peer : overlay.here->others) {
    const bool direct = config::is_direct(overlay, peer, peer.vtep.family);
    if (out.here->others.empty() || direct) out.here->others.push_back(peer);
    if (!overlay.direct || direct) break;
  }
  return out;
}

plan::Elements left_over(engine::Context& context, const plan::Elements& wanted) {
  plan::Elements out{wanted.table, wanted.set, kernel::list_elements(context.nft(), wanted.table, wanted.set)};
  std::set<std::string> keep;
  for (const plan::Element& element : wanted.elements) keep.insert(plan::element_text(element));
  std::erase_if(out.elements, [&](const plan::Element& one) { return keep.contains(plan::element_text(one)); });
  return out;
}

const net::Cidr* prefix_of(const plan::Element& element) { return std::get_if<net::Cidr>(&element.key.front()); }

// An interval that another one overlaps cannot be put beside it: it goes first.
void make_room(engine::Context& context, const plan::Elements& wanted) {
  if (wanted.elements.empty() || !prefix_of(wanted.elements.front())) return;
  plan::Elements gone = left_over(context, wanted);
  std::erase_if(gone.elements, [&](const plan::Element& old) {
    return std::ranges::none_of(
        wanted.elements, [&](const plan::Element& fresh) { return prefix_of(fresh)->overlaps(*prefix_of(old)); });
  });
  drop_elements(context, gone);
}

}  // namespace

config::Overlay without_peers(const config::Overlay& overlay) {
  config::Overlay out;
  out.vni = overlay.vni;
  out.port = overlay.port;
  out.layer = overlay.layer;
  out.control = overlay.control;
  out.direct = overlay.direct;
  const config::Here& here = *overlay.here;
  out.here = config::Here{here.local, here.underlay, here.mtu, here.identity, {}, {}, 0, here.segments};
  return out;
}

bool guarded(Session& session, const net::IfName& bridge, const config::Overlay& overlay) {
  return std::ranges::all_of(modes::peer_elements(bridge, samples(overlay)), [&](const plan::Elements& set) {
    if (set.elements.empty()) return true;
    bool table_gone = false;
    const plan::Elements one{set.table, set.set, {set.elements.front()}};
    return kernel::missing_elements(session.context().nft(), one, &table_gone).empty() && !table_gone;
  });
}

void widen_guard(engine::Context& context, const std::vector<plan::Elements>& guard) {
  for (const plan::Elements& set : guard) {
    make_room(context, set);
    if (!set.elements.empty()) engine::apply_shared(context, {set});
  }
}

void narrow_guard(engine::Context& context, const std::vector<plan::Elements>& guard) {
  for (const plan::Elements& set : guard) drop_elements(context, left_over(context, set));
}

void drop_elements(engine::Context& context, const plan::Elements& gone) {
  if (!gone.elements.empty()) static_cast<void>(engine::undo(context, {gone}));
}

}  // namespace trestle::app
