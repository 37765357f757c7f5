#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/here.h"
#include "app/tunnel.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"
#include "cli/table.h"
#include "cni/json.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/nft.h"
#include "kernel/traffic.h"
#include "kernel/vxlan.h"
#include "modes/tunnel.h"
#include "net/names.h"
#include "overlay/found.h"
#include "overlay/frr_text.h"
#include "overlay/probe.h"

namespace trestle::cli {

using base::Code;
using base::Error;
using nlohmann::json;

namespace {

constexpr Option kOptions[] = {
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
    {"reflectors", "IP[,IP]", "frr-config: the route reflectors (default: every node speaks with every other)"},
    {"reflector", "", "frr-config: this node is a route reflector"},
    {"json", "", "peers, probe: as JSON"},
};

std::vector<config::NetConf> tunnels_of(engine::Context& context, const nlohmann::json& conf) {
  std::vector<config::NetConf> out;
  const config::NetConf here = app::with_tunnels(context, config::parse(conf, {}));
  for (const config::NetConf* nic : config::nics(here))
    if (nic->overlay) out.push_back(*nic);
  if (out.empty())
    throw Error(Code::bad_config, "network '" + here.name + "' has no \"overlay\"; there is nothing to look at");
  return out;
}

std::uint32_t mtu_of(const config::NetConf& nic) { return nic.mtu.value_or(nic.overlay->here->mtu); }

std::string finding_of(overlay::Finding finding) {
  switch (finding) {
    case overlay::Finding::well:
      return "ok";
    case overlay::Finding::small_only:
      return "small frames only";
    case overlay::Finding::no_tunnel:
      return "no tunnel";
    case overlay::Finding::no_node:
      return "no answer";
    case overlay::Finding::not_asked:
      return "node answers";
  }
  return "";
}

// Of each peer, what of the wanted Steps the kernel has.
std::map<net::Ip, bool> programmed(engine::Context& context, const config::NetConf& nic) {
  const net::IfName vtep = config::vtep_of(*nic.overlay);
  std::set<net::Ip> in_kernel;
  if (!config::is_listed(*nic.overlay)) {
    if (const auto index = kernel::link_index(context.route(), vtep))
      in_kernel = kernel::tunnel_ends(context.route(), *index, vtep);
  } else {
    for (const plan::Step& step : overlay::seen(context, vtep))
      if (const auto* fdb = std::get_if<plan::Fdb>(&step); fdb && fdb->dst) in_kernel.insert(*fdb->dst);
  }
  std::map<net::Ip, bool> out;
  for (const config::Peer& peer : nic.overlay->here->others) out[peer.vtep] = in_kernel.contains(peer.vtep);
  return out;
}

json json_of(const kernel::Traffic& traffic) { return {{"packets", traffic.packets}, {"bytes", traffic.bytes}}; }

std::string text_of(const kernel::Traffic& traffic) {
  return std::to_string(traffic.packets) + " (" + amount(traffic.bytes) + ")";
}

// What the tunnel has carried so far.
struct Carried {
  net::IfName vtep;
  std::optional<kernel::LinkTraffic> tunnel;   // nullopt: there is none yet
  std::map<net::Ip, kernel::Traffic> by_peer;  // where a list says who they are
  std::optional<kernel::Traffic> of(const net::Ip& peer) const {
    const auto it = by_peer.find(peer);
    return it == by_peer.end() ? std::nullopt : std::optional(it->second);
  }
};

Carried carried(engine::Context& context, const config::NetConf& nic) {
  Carried out{config::vtep_of(*nic.overlay), kernel::link_traffic(context.route(), config::vtep_of(*nic.overlay)), {}};
  if (config::is_guarded(*nic.overlay)) {
    const plan::Elements guard = modes::peer_elements(nic.bridge, *nic.overlay).front();
    out.by_peer = kernel::address_counters(context.nft(), guard.table, guard.set);
  }
  return out;
}

json json_of(const Carried& all) {
  if (!all.tunnel) return {};
  return {{"link", all.vtep.str()},
          {"received", json_of(all.tunnel->received)},
          {"sent", json_of(all.tunnel->sent)},
          {"dropped", all.tunnel->dropped}};
}

std::string text_of(const Carried& all) {
  if (!all.tunnel) return "tunnel " + all.vtep.str() + ": is not there; the first ADD makes it\n";
  return "tunnel " + all.vtep.str() + ": received " + text_of(all.tunnel->received) + ", sent " +
         text_of(all.tunnel->sent) + ", dropped " + std::to_string(all.tunnel->dropped) + "\n";
}

int peers(const Arguments& arguments, const Console& console, app::Session& session,
          const std::vector<config::NetConf>& nics) {
  std::vector<std::vector<std::string>> rows = {
      {"NETWORK", "PEER", "NODE", "SUBNETS", "KERNEL", "WAY", "PROBE", "MTU", "RECEIVED"}};
  json all = json::array();
  std::string tunnels;
  bool well = true;
  for (const config::NetConf& listed : nics) {
    const config::NetConf nic = overlay::with_found_peers(session.context(), listed);
    const auto there = programmed(session.context(), nic);
    const std::vector<overlay::Probed> answers = overlay::probe(session.context(), nic);
    const Carried traffic = carried(session.context(), nic);  // with what the probe's answers add
    tunnels += text_of(traffic);
    for (const overlay::Probed& one : answers) {
      std::string subnets;
      for (const net::Cidr& subnet : one.peer.subnets) subnets += (subnets.empty() ? "" : ",") + subnet.str();
      const bool in_kernel = there.at(one.peer.vtep);
      const auto received = traffic.of(one.peer.vtep);
      const bool direct = config::is_direct(*nic.overlay, one.peer, one.peer.vtep.family);
      well = well && in_kernel && (one.finding == overlay::Finding::well || one.finding == overlay::Finding::not_asked);
      rows.push_back({nic.name, one.peer.vtep.str(), one.peer.node, subnets, in_kernel ? "yes" : "no",
                      direct ? "direct" : "tunnel", finding_of(one.finding), std::to_string(mtu_of(nic)),
                      received ? text_of(*received) : ""});
      all.push_back({{"network", nic.name},
                     {"peer", one.peer.vtep.str()},
                     {"node", one.peer.node},
                     {"inKernel", in_kernel},
                     {"direct", direct},
                     {"probe", finding_of(one.finding)},
                     {"text", one.text},
                     {"mtu", mtu_of(nic)},
                     {"received", received ? json_of(*received) : json()},
                     {"tunnel", json_of(traffic)}});
    }
  }
  console.print(arguments.has("json") ? all.dump(2) + "\n" : table(rows) + tunnels);
  return well ? kDone : kFailed;
}

int probe(const Console& console, engine::Context& context, const std::vector<config::NetConf>& nics) {
  std::string text;
  bool well = true;
  for (const config::NetConf& nic : nics)
    for (const overlay::Probed& one : overlay::probe(context, overlay::with_found_peers(context, nic))) {
      text += one.text + "\n";
      well = well && (one.finding == overlay::Finding::well || one.finding == overlay::Finding::not_asked);
    }
  console.print(text.empty() ? "there are no peers\n" : text);
  return well ? kDone : kFailed;
}

int sync(const Console& console, app::Session& session, const std::vector<config::NetConf>& nics) {
  std::string text;
  bool well = true;
  for (const config::NetConf& nic : nics) {
    const net::IfName vtep = config::vtep_of(*nic.overlay);
    const auto info = kernel::get_vxlan(session.context().route(), vtep);
    if (!info) {
      text += nic.name + ": " + vtep.str() + " is not there; the first ADD makes it\n";
      continue;
    }
    const overlay::Outcome done = app::sync_tunnel(session, nic, app::Asked::by_person);
    text += nic.name + ": " + std::to_string(nic.overlay->here->others.size()) + " peers, " +
            std::to_string(done.made) + " entries made, " + std::to_string(done.removed) + " removed" +
            (!done.kept.empty()
                 ? "; " + std::to_string(done.kept.size()) +
                       " peers that the list has no more are left for the next time: no more than a fifth goes at once"
                 : "") +
            "\n";
    for (const std::string& line : done.refused) text += nic.name + ": " + line + "\n", well = false;
  }
  console.print(text);
  return well ? kDone : kFailed;
}

int frr(const Arguments& arguments, const Console& console, const std::vector<config::NetConf>& nics) {
  std::vector<net::Ip> reflectors;
  if (const auto list = arguments.find("reflectors"))
    for (const std::string& word : base::split(*list, ',')) reflectors.push_back(net::Ip::parse(word));
  console.print(overlay::frr_conf(nics.front(), reflectors, arguments.has("reflector")));
  return kDone;
}

int run_overlay(const Arguments& arguments, const Console& console) {
  const std::string verb = arguments.operands().front();
  const std::string words[] = {"peers", "sync", "probe", "frr-config"};
  if (std::find(std::begin(words), std::end(words), verb) == std::end(words))
    throw UsageError("'" + verb + "' is nothing that overlay does", "peers, sync, probe and frr-config are");
  const PluginConf file = load_conf(arguments, console);
  const config::Settings where = settings(arguments, console, file.conf);
  if (verb == "frr-config" || verb == "probe") {
    engine::Context context(0, 0);
    const auto nics = tunnels_of(context, file.conf);
    return verb == "probe" ? probe(console, context, nics) : frr(arguments, console, nics);
  }
  Node node(where, console, verb == "sync" ? app::Session::Access::write : app::Session::Access::read);
  const auto nics = tunnels_of(node.session.context(), file.conf);
  return verb == "sync" ? sync(console, node.session, nics) : peers(arguments, console, node.session, nics);
}

}  // namespace

const Command kOverlay{
    "overlay",
    "While pods run",
    "a network over many nodes: are its peers reached?",
    "peers FILE        every other node of the list: is it in the kernel, does a full frame come through, how much\n"
    "                  came from it by the tunnel (with directRouting also what the node itself sent past it)\n"
    "sync FILE         program the list anew, as an ADD does when it has changed; again is no error\n"
    "probe FILE        ask each peer through the tunnel, and say what is likely wrong\n"
    "frr-config FILE   a frr.conf for this node (control \"evpn\")\n"
    "\n"
    "Exit code 1 when a peer is not reached.\n"
    "\n"
    "Example\n"
    "  trestle overlay probe /etc/cni/net.d/10-cluster.conflist\n",
    {"peers|sync|probe|frr-config FILE", 2, 2},
    kOptions,
    true,
    true,
    run_overlay};

}  // namespace trestle::cli
