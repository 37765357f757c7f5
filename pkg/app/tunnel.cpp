#include "app/tunnel.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "app/refuse.h"
#include "app/tunnel_guard.h"
#include "app/tunnel_state.h"
#include "base/error.h"
#include "engine/file.h"
#include "kernel/link.h"
#include "kernel/nexthop.h"
#include "kernel/route.h"
#include "kernel/vxlan.h"
#include "modes/tunnel.h"
#include "net/names.h"
#include "overlay/desired.h"
#include "plan/plan.h"

namespace trestle::app {

using base::Error;
using config::is_listed;
using config::vtep_of;

namespace {

constexpr std::uint64_t kBetweenFifths = 60;  // seconds
std::uint64_t now_s() { return std::max<std::uint64_t>(boottime() / 1'000'000'000, 1); }
bool of_this_minute(std::uint64_t since) { return since != 0 && now_s() - since < kBetweenFifths; }

std::string state_path(Session& session, const config::Overlay& overlay) {
  return tunnel_state_path(session.settings().state_dir, vtep_of(overlay));
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

// IPv4 routes name our address, and all go with it: a DHCP client that gave it back and took it again left none.
bool has_routes(Session& session, const config::Overlay& overlay) {
  if (overlay.layer != 3 || !is_listed(overlay)) return true;
  const net::Family family = overlay.here->local.family;
  for (auto peer = overlay.here->others.rbegin(); peer != overlay.here->others.rend(); ++peer)
    for (const net::Cidr& subnet : peer->subnets)
      if (subnet.ip.family == family) return kernel::has_way_to(session.context().route(), subnet);
  return true;
}

// Is everything as it was programmed last, into the same VTEP? What waits for its turn to go is no work yet.
bool as_before(Session& session, const net::IfName& bridge, const config::Overlay& overlay, std::uint32_t index,
               const std::string& digest) {
  const auto last = read_tunnel_mark(state_path(session, overlay));
  return last && last->index == index && (last->held == 0 || of_this_minute(last->held)) && last->digest == digest &&
         (last->sample == 0 || kernel::has_nexthop(session.context().route(), last->sample)) &&
         has_routes(session, overlay) && (!config::is_guarded(overlay) || guarded(session, bridge, overlay));
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

void tell_notes(Session& session, const config::Overlay& overlay) {
  for (const std::string& line : tunnel_notes(overlay)) session.log().write(Log::Level::warn, line);
}

// What of a fifth may still go in the minute that runs.
overlay::Leave left_of(const std::optional<TunnelMark>& last) {
  if (!last || !of_this_minute(last->minute.since)) return {};
  return {false, last->minute.stood, last->minute.gone};
}

TunnelMark::Minute minute_with(const std::optional<TunnelMark>& last, const overlay::Leave& leave, std::size_t had,
                               std::size_t left) {
  TunnelMark::Minute minute = last ? last->minute : TunnelMark::Minute{};
  if (left == 0) return minute;
  if (!leave.stood) return {now_s(), had, left};
  minute.gone += left;
  return minute;
}

// Those that only changed go nowhere.
std::size_t leaving_of(const overlay::PeerChange& change) {
  std::set<net::Ip> stay;
  for (const config::Peer& peer : change.fresh) stay.insert(peer.vtep);
  return static_cast<std::size_t>(
      std::ranges::count_if(change.gone, [&](const config::Peer& peer) { return !stay.contains(peer.vtep); }));
}

// A guard that is narrowed last and widened first loses no peer's packet.
overlay::Outcome program(Session& session, const net::IfName& bridge, const config::Overlay& overlay,
                         std::uint32_t index, const overlay::Leave& leave) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  engine::Context& context = session.context();
  const std::vector<plan::Elements> guard = modes::peer_elements(bridge, overlay);
  widen_guard(context, guard);
  overlay::Outcome out = overlay::reconcile(context, vtep_of(overlay), overlay::desired(overlay), leave);
  tell_refused(session, out);
  if (out.made + out.removed != 0) tell_notes(session, overlay);
  TunnelMark mark = tunnel_mark(bridge, overlay, index);
  const auto last = read_tunnel_mark(state_path(session, overlay));
  mark.minute = minute_with(last, leave, out.had, out.left);
  if (out.kept.empty()) {
    narrow_guard(context, guard);
    overlay::forget_strangers(context, overlay, {});
    keep(session, mark, bridge, overlay);
    return out;
  }
  mark.held = of_this_minute(mark.minute.since) ? mark.minute.since : now_s();
  overlay::forget_strangers(context, overlay, out.kept);
  const config::Overlay waiting = with_waiting(session, overlay, out.kept);
  narrow_guard(context, modes::peer_elements(bridge, waiting));  // those that are gone already are not listened to
  keep(session, mark, bridge, waiting);
  return out;
}

// Where a routing daemon programs the peers: who may send is ours to say.
void fill_guard(Session& session, const net::IfName& bridge, const config::Overlay& overlay) {
  if (!config::is_guarded(overlay)) return;
  const store::Lock tables = session.store().locks().tables(session.deadline());
  const std::vector<plan::Elements> guard = modes::peer_elements(bridge, overlay);
  widen_guard(session.context(), guard);
  narrow_guard(session.context(), guard);
}

// A person who says the same list again means it.
overlay::Leave allowance(Session& session, const net::IfName& bridge, const config::Overlay& overlay, Asked asked) {
  const auto last = read_tunnel_mark(state_path(session, overlay));
  if (asked == Asked::by_person) {
    if (last && last->held != 0 && last->digest == tunnel_mark(bridge, overlay, 0).digest) return {};
    return left_of(last);
  }
  if (overlay.here->others.empty()) return {.none = true};
  return left_of(last);
}

}  // namespace

std::optional<kernel::LinkInfo> our_vtep(Session& session, const config::Overlay& overlay) {
  auto link = kernel::get_link(session.context().route(), vtep_of(overlay));
  if (link && (link->kind != "vxlan" || link->group != session.context().switches())) link.reset();
  return link;
}

overlay::Outcome sync_tunnel(Session& session, const config::NetConf& nic, Asked asked) {
  const config::Overlay& overlay = *nic.overlay;
  if (asked == Asked::by_add) {
    const auto index = kernel::link_index(session.context().route(), vtep_of(overlay));
    if (!index) return {};
    if (as_before(session, nic.bridge, overlay, *index, tunnel_mark(nic.bridge, overlay, *index).digest)) return {};
  }
  if (asked != Asked::by_add) refuse_other_tunnel(session, nic);  // an ADD has been refused by then
  const auto link = our_vtep(session, overlay);
  if (!link) return {};
  follow(session, *link, overlay);
  if (!is_listed(overlay)) {
    fill_guard(session, nic.bridge, overlay);
    keep(session, tunnel_mark(nic.bridge, overlay, link->index), nic.bridge, overlay);
    return {};
  }
  return program(session, nic.bridge, overlay, link->index, allowance(session, nic.bridge, overlay, asked));
}

Programmed programmed(Session& session, const config::NetConf& nic) {
  const auto mark = read_tunnel_mark(state_path(session, *nic.overlay));
  return {nic, mark ? mark->digest : ""};
}

std::optional<overlay::Outcome> change_tunnel(Session& session, const Programmed& last, const config::NetConf& now) {
  const config::NetConf& before = last.nic;
  const config::Overlay &had = *before.overlay, &have = *now.overlay;
  const config::Here &was = *had.here, &is = *have.here;
  if (!is_listed(have) || before.bridge != now.bridge || had.vni != have.vni || had.port != have.port ||
      had.layer != have.layer || had.direct != have.direct || was.local != is.local || was.underlay != is.underlay ||
      was.identity != is.identity || was.segments != is.segments)
    return std::nullopt;
  const overlay::PeerChange change = overlay::change(had, have);
  const overlay::Leave leave = left_of(read_tunnel_mark(state_path(session, have)));
  const std::size_t leaving = leaving_of(change);
  if (is.others.empty() || leaving > overlay::may_leave(leave, was.others.size())) return std::nullopt;
  engine::Context& context = session.context();
  const auto link = our_vtep(session, have);
  if (!link || !as_before(session, before.bridge, had, link->index, last.digest)) return std::nullopt;
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
  overlay::forget_strangers(context, have, {});
  TunnelMark mark = tunnel_mark(now.bridge, have, link->index);
  const auto old = read_tunnel_mark(state_path(session, have));
  mark.minute = minute_with(old, leave, was.others.size(), leaving);
  if (old && old->sample != 0 && kernel::has_nexthop(context.route(), old->sample)) mark.sample = old->sample;
  keep(session, mark, now.bridge, have);
  return out;
}

std::vector<std::string> repair_tunnels(Session& session) {
  std::vector<std::string> left;
  for (const auto& [vtep, path] : tunnel_state_paths(session.settings().state_dir)) try {
      const auto state = read_tunnel_state(path);
      if (!state) {
        (void)::unlink(path.c_str());  // so that the next ADD programs all
        left.push_back("tunnel " + vtep + ": " + damaged_state(path));
        continue;
      }
      const auto link = our_vtep(session, state->overlay);
      if (!link) continue;
      follow(session, *link, state->overlay);
      if (!is_listed(state->overlay)) {
        fill_guard(session, state->bridge, state->overlay);
        continue;
      }
      const auto mark = read_tunnel_mark(path);
      static_cast<void>(program(session, state->bridge, state->overlay, link->index, left_of(mark)));
      // The list that is wanted is another one where peers wait to go.
      const auto after = read_tunnel_mark(path);
      if (mark && mark->held != 0 && after)
        keep(session, {mark->digest, link->index, 0, mark->held, after->minute}, state->bridge, state->overlay);
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
