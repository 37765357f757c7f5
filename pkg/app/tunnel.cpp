#include "app/tunnel.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "app/tunnel_state.h"
#include "base/error.h"
#include "engine/apply.h"
#include "engine/file.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/nexthop.h"
#include "kernel/nft.h"
#include "kernel/vxlan.h"
#include "modes/tunnel.h"
#include "net/names.h"
#include "overlay/desired.h"
#include "plan/plan.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

std::string folder(Session& session) { return session.settings().state_dir + "/overlay"; }
std::string state_path(Session& session, const net::IfName& vtep) {
  return tunnel_state_path(session.settings().state_dir, vtep);
}

std::vector<std::string> state_paths(Session& session) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder(session).c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (std::string_view(entry->d_name).ends_with(".json")) out.push_back(folder(session) + "/" + entry->d_name);
  return out;
}

config::Overlay overlay_without_peers(const config::Overlay& overlay) {
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

// One of each set stands for all: a flush takes the whole.
bool guarded(Session& session, const std::vector<plan::Elements>& guard) {
  return std::ranges::all_of(guard, [&](const plan::Elements& set) {
    if (set.elements.empty()) return true;
    bool table_gone = false;
    const plan::Elements one{set.table, set.set, {set.elements.front()}};
    return kernel::missing_elements(session.context().nft(), one, &table_gone).empty() && !table_gone;
  });
}

// A NIC that went down took all next hops on it along.
bool has_sample(Session& session, std::uint32_t sample) {
  return sample == 0 || kernel::has_nexthop(session.context().route(), sample);
}

// A few peers that have an element in every set.
config::Overlay samples(const config::Overlay& overlay) {
  config::Overlay out = overlay_without_peers(overlay);
  for (const config::Peer& peer : overlay.here->others) {
    const bool direct = config::is_direct(overlay, peer, peer.vtep.family);
    if (out.here->others.empty() || direct) out.here->others.push_back(peer);
    if (!overlay.direct || direct) break;
  }
  return out;
}

// Is everything as it was programmed last, into the same VTEP?
bool as_before(Session& session, const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index) {
  const auto sample =
      sample_if_same(state_path(session, net::vtep_name(overlay.vni, overlay.port)), bridge, overlay, index);
  return sample && has_sample(session, *sample) && guarded(session, modes::peer_elements(bridge, samples(overlay)));
}

// nullopt: the kernel has all.
std::optional<std::string> lost(Session& session, const net::IfName& vtep, const std::vector<plan::Step>& wanted) {
  const auto gone = overlay::difference(overlay::seen(session.context(), vtep), wanted).fresh;
  if (gone.empty()) return std::nullopt;
  return plan::describe(gone.front()) + ": is gone" +
         (gone.size() > 1 ? " (and " + std::to_string(gone.size() - 1) + " entries of peers more)" : "") +
         "; 'trestle repair' makes it again";
}

bool in(const plan::Element& element, const plan::Elements& set) {
  return std::ranges::find(set.elements, element) != set.elements.end();
}

// What the set has and `wanted` has not.
plan::Elements left_over(engine::Context& context, const plan::Elements& wanted) {
  plan::Elements out{wanted.table, wanted.set, kernel::list_elements(context.nft(), wanted.table, wanted.set)};
  const std::set<std::string> keep = [&] {
    std::set<std::string> texts;
    for (const plan::Element& element : wanted.elements) texts.insert(plan::element_text(element));
    return texts;
  }();
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
  if (!gone.elements.empty()) static_cast<void>(engine::undo(context, {gone}));
}

void add_guard(engine::Context& context, const std::vector<plan::Elements>& guard) {
  for (const plan::Elements& set : guard) {
    make_room(context, set);
    if (!set.elements.empty()) engine::apply_shared(context, {set});
  }
}

void narrow_guard(engine::Context& context, const plan::Elements& old) {
  if (!old.elements.empty()) static_cast<void>(engine::undo(context, {old}));
}

void keep(Session& session, const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index) {
  engine::ensure_file(state_path(session, net::vtep_name(overlay.vni, overlay.port)),
                      state_text(bridge, overlay, index, overlay::a_nexthop_past(overlay)));
}

// A guard that is narrowed last and widened first loses no peer's packet.
overlay::Outcome program(Session& session, const net::IfName& bridge, const config::Overlay& overlay,
                         std::uint32_t index) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  engine::Context& context = session.context();
  const std::vector<plan::Elements> guard = modes::peer_elements(bridge, overlay);
  add_guard(context, guard);
  const overlay::Outcome out =
      overlay::reconcile(context, net::vtep_name(overlay.vni, overlay.port), overlay::desired(overlay));
  if (out.kept != 0) return out;
  for (const plan::Elements& set : guard) narrow_guard(context, left_over(context, set));
  keep(session, bridge, overlay, index);
  return out;
}

}  // namespace

overlay::Outcome sync_tunnel(Session& session, const config::NetConf& nic, bool unasked) {
  if (nic.overlay->control != "static") return {};
  const auto index = kernel::link_index(session.context().route(), net::vtep_name(nic.overlay->vni, nic.overlay->port));
  if (!index) return {};
  if (unasked && as_before(session, nic.bridge, *nic.overlay, *index)) return {};
  return program(session, nic.bridge, *nic.overlay, *index);
}

std::optional<overlay::Outcome> change_tunnel(Session& session, const config::NetConf& before,
                                              const config::NetConf& now) {
  const config::Overlay &had = *before.overlay, &have = *now.overlay;
  if (have.control != "static" || before.bridge != now.bridge || had.vni != have.vni || had.port != have.port ||
      had.layer != have.layer || had.direct != have.direct || had.here->local != have.here->local ||
      had.here->underlay != have.here->underlay || had.here->segments != have.here->segments)
    return std::nullopt;
  const overlay::PeerChange change = overlay::change(had, have);
  if (overlay::too_many(change.gone.size(), had.here->others.size())) return std::nullopt;
  engine::Context& context = session.context();
  const auto index = kernel::link_index(context.route(), net::vtep_name(have.vni, have.port));
  if (!index || !as_before(session, before.bridge, had, *index)) return std::nullopt;
  const store::Lock tables = session.store().locks().tables(session.deadline());
  const auto guard_of = [&](const config::Overlay& overlay, const std::vector<config::Peer>& peers) {
    config::Overlay some = overlay_without_peers(overlay);
    some.here->others = peers;
    return modes::peer_elements(now.bridge, some);
  };
  std::vector<plan::Elements> gone = guard_of(had, change.gone);
  const std::vector<plan::Elements> fresh = guard_of(have, change.fresh);
  add_guard(context, fresh);
  overlay::program(context, net::vtep_name(have.vni, have.port), change.steps);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    std::erase_if(gone[i].elements, [&](const plan::Element& one) { return in(one, fresh[i]); });
    narrow_guard(context, gone[i]);
  }
  keep(session, now.bridge, have, *index);
  return overlay::Outcome{change.steps.fresh.size(), change.steps.gone.size(), 0};
}

std::vector<std::string> tunnel_defects(Session& session, const config::NetConf& nic) {
  std::vector<std::string> out;
  const net::IfName vtep = net::vtep_name(nic.overlay->vni, nic.overlay->port);
  const auto link = kernel::get_link(session.context().route(), vtep);
  if (!link) return out;  // its Step tells
  const config::Here& here = *nic.overlay->here;
  if (link->mtu > here.mtu)
    out.push_back("tunnel " + vtep.str() + ": its MTU " + std::to_string(link->mtu) + " is more than " +
                  here.underlay.str() + " carries now (" + std::to_string(here.mtu) +
                  "): larger frames vanish; raise the NIC's MTU, or give the network a smaller \"mtu\"");
  if (nic.overlay->control != "static") return out;
  if (auto line = lost(session, vtep, overlay::desired(*nic.overlay))) out.push_back(std::move(*line));
  return out;
}

std::vector<std::pair<net::IfName, std::string>> lost_entries(Session& session) {
  std::vector<std::pair<net::IfName, std::string>> out;
  for (const std::string& path : state_paths(session))
    if (const auto state = read_tunnel_state(path);
        state && kernel::link_index(session.context().route(), state->vtep()))
      if (auto line = lost(session, state->vtep(), overlay::desired(state->overlay)))
        out.emplace_back(state->bridge, std::move(*line));
  return out;
}

void follow_tunnel(Session& session, const config::NetConf& nic) {
  const net::IfName vtep = net::vtep_name(nic.overlay->vni, nic.overlay->port);
  kernel::Socket& host = session.context().route();
  const auto link = kernel::get_link(host, vtep);
  const auto info = link && link->group == session.context().switches() ? kernel::get_vxlan(host, vtep) : std::nullopt;
  if (!info || info->local == nic.overlay->here->local) return;
  kernel::Batch batch;
  kernel::set_vxlan_local(batch, vtep, nic.overlay->here->local);
  host.send_or_throw(batch);
}

std::vector<std::string> repair_tunnels(Session& session) {
  std::vector<std::string> left;
  for (const std::string& path : state_paths(session)) {
    const auto state = read_tunnel_state(path);
    if (!state) continue;
    try {
      const auto index = kernel::link_index(session.context().route(), state->vtep());
      if (!index) continue;
      static_cast<void>(program(session, state->bridge, state->overlay, *index));
    } catch (const Error& e) {
      left.push_back("tunnel " + state->vtep().str() + ": " + e.what());
    }
  }
  return left;
}

void forget_tunnels(Session& session, const std::vector<plan::Step>& steps) {
  const auto routed = [](const plan::Step& step) {
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    return vxlan && !vxlan->master;
  };
  if (std::ranges::any_of(steps, routed)) overlay::drop_widows(session.context());
  for (const plan::Step& step : steps)
    if (const auto* vxlan = std::get_if<plan::Vxlan>(&step)) {
      const std::string path = state_path(session, vxlan->link);
      for (const std::string& name : {path, path + ".trestle-new"})
        (void)::unlink(name.c_str());          // the latter of a call that was killed
      (void)::rmdir(folder(session).c_str());  // refused while another tunnel's is there
    }
}

}  // namespace trestle::app
