#include "app/tunnel.h"
#include "app/tunnel_guard.h"
#include "app/tunnel_state.h"
#include "engine/file.h"
#include "kernel/link.h"
#include "kernel/vxlan.h"
#include "net/names.h"
#include "overlay/desired.h"
#include "overlay/reconcile.h"
#include "plan/plan.h"

namespace trestle::app {

using config::is_listed;
using config::vtep_of;

namespace {

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
  if (config::is_guarded(overlay) && !guarded(session, bridge, overlay))
    return "nftables set peer-" + bridge.str() +
           " of table trestle: peers are gone from it, so nothing comes in; 'trestle repair' puts them back";
  if (!is_listed(overlay)) return std::nullopt;
  const auto gone =
      overlay::difference(overlay::seen(session.context(), vtep_of(overlay)), overlay::desired(overlay)).fresh;
  if (gone.empty()) return std::nullopt;
  return plan::describe(gone.front()) + ": is gone, or another hand's" +
         (gone.size() > 1 ? " (and " + std::to_string(gone.size() - 1) + " entries of peers more)" : "") +
         "; 'trestle repair' makes it again";
}

bool names(const store::Part& part, const std::string& vtep) {
  return std::ranges::any_of(part.steps, [&](const plan::Step& step) {
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    return vxlan && vxlan->link.str() == vtep;
  });
}

}  // namespace

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

std::vector<std::string> tunnel_notes(const config::Overlay& overlay) {
  constexpr std::size_t kManyMembers = 64;  // 64 packets for each ARP request of a pod's
  const std::size_t members = overlay.here->others.size();
  if (overlay.layer != 2 || !is_listed(overlay) || members <= kManyMembers) return {};
  return {"each broadcast of a pod is sent to the " + std::to_string(members) + " other nodes of VNI " +
          std::to_string(overlay.vni) + ", one by one; for so many take \"layer\": 3 or \"control\": \"evpn\""};
}

std::vector<std::pair<net::IfName, std::string>> all_tunnel_notes(Session& session) {
  std::vector<std::pair<net::IfName, std::string>> out;
  for (const auto& [vtep, path] : tunnel_state_paths(session.settings().state_dir))
    if (const auto state = read_tunnel_state(path))
      for (std::string& line : tunnel_notes(state->overlay)) out.emplace_back(state->bridge, std::move(line));
  return out;
}

std::vector<std::pair<net::IfName, std::string>> lost_entries(Session& session) {
  std::vector<std::pair<net::IfName, std::string>> out;
  for (const auto& [vtep, path] : tunnel_state_paths(session.settings().state_dir)) {
    const auto state = read_tunnel_state(path);
    if (!state) {
      for (const store::Part& part : session.store().parts())
        if (names(part, vtep)) out.emplace_back(part.bridge, damaged_state(path));
      continue;
    }
    const auto link = our_vtep(session, state->overlay);
    if (!link) continue;
    if (auto line = end_defect(session, *link, state->overlay)) out.emplace_back(state->bridge, std::move(*line));
    if (auto line = lost(session, state->bridge, state->overlay)) out.emplace_back(state->bridge, std::move(*line));
  }
  return out;
}

}  // namespace trestle::app
