#include "app/tunnel.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "app/tunnel_guard.h"
#include "app/tunnel_state.h"
#include "base/error.h"
#include "engine/file.h"
#include "kernel/link.h"
#include "kernel/nexthop.h"
#include "kernel/vxlan.h"
#include "modes/tunnel.h"
#include "net/names.h"
#include "overlay/desired.h"
#include "plan/plan.h"

namespace trestle::app {

using base::Error;
using config::vtep_of;

namespace {

constexpr std::uint64_t kBetweenFifths = 60;  // seconds
std::uint64_t now_s() { return boottime() / 1'000'000'000; }

std::string folder(Session& session) { return session.settings().state_dir + "/overlay"; }
std::string state_path(Session& session, const config::Overlay& overlay) {
  return tunnel_state_path(session.settings().state_dir, vtep_of(overlay));
}

// Else the peers are found by frames or by a routing daemon, and only where the tunnel leaves from is ours to keep.
bool listed(const config::Overlay& overlay) { return overlay.control == "static"; }

// By the VTEP's name.
std::vector<std::pair<std::string, std::string>> state_paths(Session& session) {
  constexpr std::string_view kEnd = ".json";
  std::vector<std::pair<std::string, std::string>> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder(session).c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (const std::string_view name(entry->d_name); name.ends_with(kEnd))
      out.emplace_back(name.substr(0, name.size() - kEnd.size()), folder(session) + "/" + entry->d_name);
  return out;
}

// A link of that name that another hand made is not ours to fill or to empty.
std::optional<kernel::LinkInfo> our_vtep(Session& session, const config::Overlay& overlay) {
  auto link = kernel::get_link(session.context().route(), vtep_of(overlay));
  if (link && (link->kind != "vxlan" || link->group != session.context().switches())) link.reset();
  return link;
}

// Where the underlay is now: an address by DHCP, another NIC.
void follow(Session& session, const kernel::LinkInfo& link, const config::Overlay& overlay) {
  kernel::Socket& host = session.context().route();
  const net::IfName vtep = vtep_of(overlay);
  const net::Mac mac = net::vtep_mac(overlay.vni, overlay.here->identity);
  const auto info = kernel::get_vxlan(host, vtep);
  if (!info || (info->local == overlay.here->local && link.mac == mac)) return;
  kernel::Batch batch;
  kernel::move_vxlan(batch, vtep, overlay.here->local, mac);
  host.send_or_throw(batch);
}

// nullopt: it is where the underlay is.
std::optional<std::string> end_defect(Session& session, const kernel::LinkInfo& link, const config::Overlay& overlay) {
  const net::IfName vtep = vtep_of(overlay);
  const auto info = kernel::get_vxlan(session.context().route(), vtep);
  const net::Mac mac = net::vtep_mac(overlay.vni, overlay.here->identity);
  if (info && info->local != overlay.here->local)
    return "tunnel " + vtep.str() + ": leaves from " + (info->local ? info->local->str() : "any address") +
           ", not from " + overlay.here->local.str() + " of " + overlay.here->underlay.str() +
           "; 'trestle overlay sync' moves it";
  if (info && link.mac != mac)
    return "tunnel " + vtep.str() + ": MAC is " + (link.mac ? link.mac->str() : "none") + ", not " + mac.str() +
           ", by which its peers know it; 'trestle repair' gives it back";
  return std::nullopt;
}

// nullopt: the kernel has all.
std::optional<std::string> lost(Session& session, const net::IfName& bridge, const config::Overlay& overlay) {
  if (!listed(overlay)) return std::nullopt;
  if (!guarded(session, bridge, overlay))
    return "nftables set peers-" + bridge.str() +
           " of table trestle: peers are gone from it, so nothing comes in; 'trestle repair' puts them back";
  const auto gone =
      overlay::difference(overlay::seen(session.context(), vtep_of(overlay)), overlay::desired(overlay)).fresh;
  if (gone.empty()) return std::nullopt;
  return plan::describe(gone.front()) + ": is gone, or another hand's" +
         (gone.size() > 1 ? " (and " + std::to_string(gone.size() - 1) + " entries of peers more)" : "") +
         "; 'trestle repair' makes it again";
}

// Is everything as it was programmed last, into the same VTEP? What waits for its turn to go is no work yet.
bool as_before(Session& session, const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index) {
  const auto last = read_tunnel_mark(state_path(session, overlay));
  return last && last->index == index && (last->held == 0 || now_s() - last->held < kBetweenFifths) &&
         last->digest == tunnel_mark(bridge, overlay, index).digest &&
         (last->sample == 0 || kernel::has_nexthop(session.context().route(), last->sample)) &&
         (!listed(overlay) || guarded(session, bridge, overlay));
}

std::string damaged(const std::string& path) {
  return path +
         " is damaged: who the tunnel's peers are is not known; 'trestle overlay sync' or the next ADD writes it anew";
}

bool names(const store::Part& part, const std::string& vtep) {
  return std::ranges::any_of(part.steps, [&](const plan::Step& step) {
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    return vxlan && vxlan->link.str() == vtep;
  });
}

void keep(Session& session, TunnelMark mark, const net::IfName& bridge, const config::Overlay& overlay) {
  const std::string path = state_path(session, overlay);
  if (mark.sample == 0) mark.sample = overlay::a_nexthop(overlay);
  if (read_tunnel_mark(path) != mark) engine::write_file(path, state_text(mark, bridge, overlay));
}

// Those that wait belong to what is programmed still: `repair` must not take them, nor bring those back that are gone.
config::Overlay with_waiting(Session& session, const config::Overlay& overlay, const std::vector<net::Ip>& waiting) {
  config::Overlay out = overlay;
  const auto before = read_tunnel_state(state_path(session, overlay));
  for (const net::Ip& ip : waiting) {
    config::Peer peer{ip};
    if (before)
      for (const config::Peer& old : before->overlay.here->others)
        if (old.vtep == ip) peer = old;
    out.here->others.push_back(std::move(peer));
  }
  return out;
}

void tell_refused(Session& session, const overlay::Outcome& outcome) {
  for (const std::string& line : outcome.refused)
    session.log().write(Log::Level::warn, "an entry of a peer is not made", {{"what", line}});
}

// A guard that is narrowed last and widened first loses no peer's packet.
overlay::Outcome program(Session& session, const net::IfName& bridge, const config::Overlay& overlay,
                         std::uint32_t index, overlay::Leave leave) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  engine::Context& context = session.context();
  const std::vector<plan::Elements> guard = modes::peer_elements(bridge, overlay);
  widen_guard(context, guard);
  overlay::Outcome out = overlay::reconcile(context, vtep_of(overlay), overlay::desired(overlay), leave);
  tell_refused(session, out);
  TunnelMark mark = tunnel_mark(bridge, overlay, index);
  if (out.kept.empty()) {
    narrow_guard(context, guard);
    keep(session, mark, bridge, overlay);
    return out;
  }
  const auto last = read_tunnel_mark(state_path(session, overlay));
  mark.held =
      leave == overlay::Leave::none && last && last->held != 0 ? last->held : std::max<std::uint64_t>(now_s(), 1);
  keep(session, mark, bridge, with_waiting(session, overlay, out.kept));
  return out;
}

overlay::Leave may_leave(Session& session, const config::Overlay& overlay, Asked asked) {
  if (asked == Asked::by_person) return overlay::Leave::a_fifth;
  const auto last = read_tunnel_mark(state_path(session, overlay));
  const bool soon = last && last->held != 0 && now_s() - last->held < kBetweenFifths;
  return soon || overlay.here->others.empty() ? overlay::Leave::none : overlay::Leave::a_fifth;
}

}  // namespace

overlay::Outcome sync_tunnel(Session& session, const config::NetConf& nic, Asked asked) {
  const config::Overlay& overlay = *nic.overlay;
  if (asked == Asked::by_add) {
    const auto index = kernel::link_index(session.context().route(), vtep_of(overlay));
    if (!index || as_before(session, nic.bridge, overlay, *index)) return {};
  }
  const auto link = our_vtep(session, overlay);
  if (!link) return {};
  follow(session, *link, overlay);
  if (!listed(overlay)) {
    keep(session, tunnel_mark(nic.bridge, overlay, link->index), nic.bridge, overlay);
    return {};
  }
  return program(session, nic.bridge, overlay, link->index, may_leave(session, overlay, asked));
}

std::optional<overlay::Outcome> change_tunnel(Session& session, const config::NetConf& before,
                                              const config::NetConf& now) {
  const config::Overlay &had = *before.overlay, &have = *now.overlay;
  const config::Here &was = *had.here, &is = *have.here;
  if (!listed(have) || before.bridge != now.bridge || had.vni != have.vni || had.port != have.port ||
      had.layer != have.layer || had.direct != have.direct || was.local != is.local || was.underlay != is.underlay ||
      was.identity != is.identity || was.segments != is.segments)
    return std::nullopt;
  const overlay::PeerChange change = overlay::change(had, have);
  if (is.others.empty() || overlay::too_many(change.gone.size(), was.others.size())) return std::nullopt;
  engine::Context& context = session.context();
  const auto link = our_vtep(session, have);
  if (!link || !as_before(session, before.bridge, had, link->index)) return std::nullopt;
  const store::Lock tables = session.store().locks().tables(session.deadline());
  const auto guard_of = [&](const config::Overlay& overlay, const std::vector<config::Peer>& peers) {
    config::Overlay some = without_peers(overlay);
    some.here->others = peers;
    return modes::peer_elements(now.bridge, some);
  };
  std::vector<plan::Elements> gone = guard_of(had, change.gone);
  const std::vector<plan::Elements> fresh = guard_of(have, change.fresh);
  widen_guard(context, fresh);
  overlay::Outcome out{change.steps.fresh.size(), change.steps.gone.size(), {}, {}};
  out.refused = overlay::program(context, vtep_of(have), change.steps);
  tell_refused(session, out);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    std::erase_if(gone[i].elements, [&](const plan::Element& one) {
      return std::ranges::find(fresh[i].elements, one) != fresh[i].elements.end();
    });
    drop_elements(context, gone[i]);
  }
  TunnelMark mark = tunnel_mark(now.bridge, have, link->index);
  const auto last = read_tunnel_mark(state_path(session, have));
  if (last && last->sample != 0 && kernel::has_nexthop(context.route(), last->sample)) mark.sample = last->sample;
  keep(session, mark, now.bridge, have);
  return out;
}

std::vector<std::string> tunnel_defects(Session& session, const config::NetConf& nic) {
  std::vector<std::string> out;
  const config::Overlay& overlay = *nic.overlay;
  const auto link = our_vtep(session, overlay);
  if (!link) return out;  // its Step tells
  const config::Here& here = *overlay.here;
  if (link->mtu > here.mtu)
    out.push_back("tunnel " + link->name + ": its MTU " + std::to_string(link->mtu) + " is more than " +
                  here.underlay.str() + " carries now (" + std::to_string(here.mtu) +
                  "): larger frames vanish; raise the NIC's MTU, or give the network a smaller \"mtu\"");
  if (auto line = end_defect(session, *link, overlay)) out.push_back(std::move(*line));
  if (auto line = lost(session, nic.bridge, overlay)) out.push_back(std::move(*line));
  return out;
}

std::vector<std::pair<net::IfName, std::string>> lost_entries(Session& session) {
  std::vector<std::pair<net::IfName, std::string>> out;
  for (const auto& [vtep, path] : state_paths(session)) {
    const auto state = read_tunnel_state(path);
    if (!state) {
      for (const store::Part& part : session.store().parts())
        if (names(part, vtep)) out.emplace_back(part.bridge, damaged(path));
      continue;
    }
    const auto link = our_vtep(session, state->overlay);
    if (!link) continue;
    if (auto line = end_defect(session, *link, state->overlay)) out.emplace_back(state->bridge, std::move(*line));
    if (auto line = lost(session, state->bridge, state->overlay)) out.emplace_back(state->bridge, std::move(*line));
  }
  return out;
}

std::vector<std::string> repair_tunnels(Session& session) {
  std::vector<std::string> left;
  for (const auto& [vtep, path] : state_paths(session)) try {
      const auto state = read_tunnel_state(path);
      if (!state) {
        (void)::unlink(path.c_str());  // so that the next ADD programs all
        left.push_back("tunnel " + vtep + ": " + damaged(path));
        continue;
      }
      const auto link = our_vtep(session, state->overlay);
      if (!link) continue;
      follow(session, *link, state->overlay);
      if (!listed(state->overlay)) continue;
      const auto mark = read_tunnel_mark(path);
      static_cast<void>(program(session, state->bridge, state->overlay, link->index, overlay::Leave::a_fifth));
      // The list that is wanted is another one where peers wait to go.
      if (mark && mark->held != 0)
        keep(session, {mark->digest, link->index, 0, mark->held}, state->bridge, state->overlay);
    } catch (const Error& e) {
      left.push_back("tunnel " + vtep + ": " + e.what());
    }
  return left;
}

std::vector<std::string> forget_tunnels(Session& session, const std::vector<plan::Step>& steps) {
  std::vector<std::string> failed;
  const auto routed = [](const plan::Step& step) {
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    return vxlan && !vxlan->master;
  };
  if (std::ranges::any_of(steps, routed)) overlay::drop_widows(session.context());
  for (const plan::Step& step : steps)
    if (const auto* vxlan = std::get_if<plan::Vxlan>(&step)) {
      if (auto why = remove_tunnel_state(tunnel_state_path(session.settings().state_dir, vxlan->link)))
        failed.push_back(std::move(*why));
    }
  return failed;
}

}  // namespace trestle::app
