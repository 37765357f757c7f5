#include <algorithm>
#include <set>

#include "app/delegated.h"
#include "app/facts.h"
#include "app/firewall.h"
#include "app/here.h"
#include "app/node_part.h"
#include "app/refuse.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "delegate/plugin.h"
#include "engine/probe.h"
#include "engine/service.h"
#include "engine/verify.h"
#include "ipam/choose.h"
#include "kernel/link.h"
#include "modes/modes.h"
#include "net/names.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kBridgePorts = 1023;  // BR_MAX_PORTS less one (linux/if_bridge.h)

void kernel_can(const config::NetConf& conf, const plan::Facts& facts, const std::string& state_dir) {
  const modes::Mode& mode = modes::find(conf.mode);
  plan::Lease lease{{}, net::switch_mac(conf.bridge)};
  lease.mac.bytes[5] ^= 1;
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    if (const auto ip = ipam::next_free(set, std::nullopt, [](const net::Ip&) { return ipam::Chunk{}; }))
      lease.ips.push_back({{*ip, set.front().subnet.length}, set.front().gateway});
  const modes::AttachmentInput in{conf, facts, state_dir, {conf.name, "status", "eth0"}, "", lease};
  try {
    engine::probe(mode.shared({conf, facts, state_dir}).steps, mode.attachment(in));
  } catch (const Error& e) {
    throw Error(Code::not_available, "this kernel cannot serve network '" + conf.name + "': " + e.what(), e.details);
  }
}

// NICs of one ADD that take an address of that pool each.
std::size_t asking(const config::NetConf& call, const std::string& segment, const std::string& pool) {
  std::size_t n = 0;
  for (const config::NetConf* nic : config::nics(call))
    if (modes::segment(*nic) == segment)
      n += static_cast<std::size_t>(
          std::ranges::count_if(nic->ipam.ranges, [&](const ipam::RangeSet& set) { return ipam::text(set) == pool; }));
  return n;
}

void pools_have_room(Session& session, const config::NetConf& call, const config::NetConf& conf) {
  for (const ipam::RangeSet& set : conf.ipam.ranges) {
    const store::PoolUse use = session.store().use(modes::segment(conf), set);
    const std::size_t wanted = asking(call, modes::segment(conf), ipam::text(set));
    if (use.used + wanted <= use.capacity) continue;
    throw Error(Code::not_available, (wanted > 1 ? "not enough addresses are free" : "no address is free") +
                                         (" on network '" + conf.name + "': " + std::to_string(use.used)) + " of " +
                                         std::to_string(use.capacity) + " in use in " + ipam::text(set) +
                                         (wanted > 1 ? ", and a pod takes " + std::to_string(wanted) : ""));
  }
}

void switch_has_room(Session& session, const config::NetConf& conf) {
  const auto bridge = kernel::get_link(session.context().route(), conf.bridge);
  if (!bridge) return;
  const auto links = kernel::dump_links(session.context().route());
  const auto ports = std::count_if(links.begin(), links.end(),
                                   [&](const kernel::LinkInfo& link) { return link.master == bridge->index; });
  if (static_cast<std::size_t>(ports) >= kBridgePorts)
    throw Error(Code::not_available,
                "switch " + conf.bridge.str() + " is full: a Linux bridge holds 1,023 ports; use a second switch");
}

void store_has_room(const std::string& state_dir) {
  try {
    store::check_room(state_dir);
  } catch (const Error& e) {
    throw Error(Code::not_available, std::string("no attachment can be recorded: ") + e.what());
  }
}

void parts_hold(Session& session, const config::NetConf& conf) {
  std::vector<std::string> lines;
  for (const store::Part& part : parts_in_force(session)) {
    if (part.bridge != conf.bridge || session.store().part_unused({part.bridge, part.digest}, false)) continue;
    for (const engine::Defect& defect : engine::verify(session.context(), part.steps)) lines.push_back(defect.text);
    if (conf.overlay)
      for (std::string& line : tunnel_defects(session, conf)) lines.push_back(std::move(line));
  }
  if (!lines.empty())
    throw Error(Code::limited,
                "existing attachments of network '" + conf.name + "' are impaired: " + lines.front() +
                    (lines.front().find("'trestle ") == std::string::npos ? "; 'trestle repair' mends it" : ""),
                base::join(lines, "\n"));
}

}  // namespace

namespace {

// Does the host answer its pods where it is no router?
bool asked(const config::NetConf& conf) { return conf.mode == "isolated" && (conf.guests || !conf.host_access.none()); }

// The switches that a chained network's pods are on: they are other plugins', and the configuration names none.
std::set<net::IfName> switches_of(Session& session, const config::NetConf& conf) {
  std::set<net::IfName> out;
  if (!session.has_store()) return out;
  for (const store::RecordFile& file : session.store().list())
    if (file.record && file.record->owner.network == conf.name)
      for (const store::Nic& nic : file.record->nics) out.insert(nic.bridge);
  return out;
}

// An accept of ours cannot undo what is dropped. They fail nothing by themselves: a host may want its input closed, and kubelet takes a failed
// STATUS for a dead node.
std::vector<std::string> in_the_way(Session& session, const config::NetConf& conf) {
  if (conf.mode == "chained") {
    std::vector<std::string> lines;
    for (const net::IfName& bridge : switches_of(session, conf))
      for (std::string& line : foreign_drops(session, bridge, conf.publishes, false)) lines.push_back(std::move(line));
    return lines;
  }
  const bool routed = conf.mode == "nat" || conf.mode == "routed";
  std::vector<std::string> lines = foreign_drops(session, conf.bridge, routed, routed || asked(conf));
  std::optional<std::string> more[] = {
      conf.port_isolation && conf.publishes ? bridged_ports(conf.bridge) : std::nullopt,
      conf.mode == "bridge" ? ports_past(session, conf.bridge) : std::nullopt,
      routed ? stopped_forwarding(session, conf.uplink ? std::optional(conf.uplink->links.front()) : std::nullopt)
             : std::nullopt};
  for (std::optional<std::string>& line : more)
    if (line) lines.push_back(std::move(*line));
  return lines;
}

// Then ADD starts none.
bool is_served(Session& session, const config::NetConf& conf) {
  if (!session.has_store()) return false;
  for (const store::Part& part : parts_in_force(session))
    for (const plan::Step& step : part.steps)
      if (const auto* service = std::get_if<plan::Service>(&step);
          service && part.bridge == conf.bridge && part.ready && !engine::defect_of(session.context(), *service))
        return true;
  return false;
}

void must_serve(Session& session, const config::NetConf& call, const config::NetConf& conf) {
  if (conf.mode == "chained") return store_has_room(session.settings().state_dir);  // the interface is another plugin's
  if (conf.guests && !is_served(session, conf)) engine::must_have_dnsmasq();
  plan::Facts facts = current_facts(session, conf);
  if (session.has_store()) keep_part(session, conf, facts);
  if (session.has_store() && conf.overlay) refuse_other_tunnel(session, conf);
  kernel_can(conf, facts, session.settings().state_dir);
  const plan::Shared shared = modes::find(conf.mode).shared({conf, facts, session.settings().state_dir});
  refuse_used_subnets(session, conf, shared.steps);
  store_has_room(session.settings().state_dir);
  if (!session.has_store())  // nothing was ever added: nothing is full, nothing is broken
    return refuse_swallowed(session, conf, shared.steps);
  parts_hold(session, conf);
  refuse_swallowed(session, conf, shared.steps);
  pools_have_room(session, call, conf);
  switch_has_room(session, conf);
}

// Whoever cannot be a node of its network cannot serve it.
config::NetConf here(Session& session, const config::NetConf& conf) try {
  return with_tunnels(session, conf);
} catch (const Error& e) {
  throw Error(Code::not_available, e.what(), e.details);
}

void status_of(Session& session, const cni::Request& request, const config::NetConf& call,
               const config::NetConf& conf) try {
  must_serve(session, call, conf);
  if (const auto delegate = called(conf.ipam.delegate, request)) delegate::call_if_known(*delegate, "STATUS");
  if (conf.overlay)
    for (const std::string& line : tunnel_notes(session, *conf.overlay)) session.log().write(Log::Level::warn, line);
  for (const ipam::RangeSet& pool : conf.ipam.ranges)
    if (const auto why = undivided(conf, pool)) session.log().write(Log::Level::warn, *why);
  for (const std::string& line : in_the_way(session, conf))
    session.log().write(Log::Level::warn, "pods of network '" + conf.name + "' are kept from the outside or the host",
                        {{"why", line}});
} catch (Error& e) {
  for (const std::string& line : in_the_way(session, conf)) e.details += (e.details.empty() ? "" : "\n") + line;
  throw;
}

}  // namespace

void status(Session& session, const cni::Request& request, const config::NetConf& asked) {
  config::NetConf conf = here(session, asked);
  config::choose_tables(conf, "eth0", false);
  for (const config::NetConf* nic : config::nics(conf))
    config::in_nic(conf, *nic, [&] { status_of(session, request, conf, *nic); });
}

}  // namespace trestle::app
