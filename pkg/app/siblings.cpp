#include "app/siblings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "cni/result.h"
#include "engine/apply.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "modes/source_routing.h"
#include "net/alias.h"

namespace trestle::app {

using base::Error;
using plan::Where;

namespace {

constexpr const char* kLoopback = "lo";

// What this call's NICs are called, and those of an ADD before it that was killed: what is left of it goes before they come.
std::set<net::IfName> names_of(Session& session, const net::Owner& owner, const config::NetConf& conf) {
  std::set<net::IfName> out;
  for (const config::NetConf* nic : config::nics(conf)) out.insert(config::name_of(*nic, owner.ifname));
  if (!session.store().exists(owner)) return out;
  try {
    if (const auto stale = session.store().find(owner))
      for (const store::Nic& nic : stale->nics) out.insert(nic.name);
  } catch (const Error& e) {
    if (e.code != base::Code::store) throw;
  }
  return out;
}

// Whose NIC that is, by the alias of its end on the host.
std::optional<Sibling> sibling_at(Session& session, const net::Owner& owner, const kernel::LinkInfo& inside) {
  if (inside.kind != "veth" || inside.peer == 0) return std::nullopt;
  const auto outside = kernel::get_link(session.context().route(), inside.peer);
  if (!outside || outside->kind != "veth" || outside->peer != inside.index) return std::nullopt;
  const auto of = net::alias_nic(outside->alias);
  if (!of || of->owner == owner || of->owner.container != owner.container || of->nic.str() != inside.name ||
      outside->group != net::link_group(session.settings().state_dir, of->owner.network))
    return std::nullopt;
  return Sibling{of->owner, of->nic};
}

std::vector<Sibling> siblings_among(Session& session, const net::Owner& owner,
                                    const std::vector<kernel::LinkInfo>& links) {
  std::vector<Sibling> out;
  for (const kernel::LinkInfo& link : links)
    if (auto sibling = sibling_at(session, owner, link)) out.push_back(std::move(*sibling));
  return out;
}

// nullopt: there is none whose Steps could be this pod's.
std::optional<store::Record> record_of(Session& session, const net::Owner& owner) try {
  auto record = session.store().find(owner);
  if (!record || record->plan.empty() || record->netns_cookie != session.context().pod_cookie()) return std::nullopt;
  return record;
} catch (const Error& e) {
  if (e.code != base::Code::store) throw;
  return std::nullopt;  // damaged; CHECK of that NIC says so
}

bool is_of_table(const plan::Step& step, const net::IfName& nic) {
  const auto* route = std::get_if<plan::Route>(&step);
  return route && route->table && route->dev == plan::LinkRef{Where::pod, nic};
}

// What the NIC has in the pod, as its plan and its result tell.
modes::Sourced sourced(const store::Record& record, const net::IfName& nic) {
  modes::Sourced out{nic, net::source_table(nic), {}, {}};
  const plan::LinkRef link{Where::pod, nic};
  const cni::Result told = cni::result_from_json(record.result, cni::supported_versions().back());
  for (const plan::Step& step : record.plan) {
    if (const auto* address = std::get_if<plan::Address>(&step); address && address->link == link) {
      const auto ip = std::ranges::find(told.ips, address->cidr, &cni::ResultIp::address);
      out.ips.push_back({address->cidr, ip == told.ips.end() ? std::nullopt : ip->gateway});
    }
    if (const auto* route = std::get_if<plan::Route>(&step); route && route->dev == link && !route->table)
      out.routes.push_back(
          {route->dst, route->via, route->mtu, route->advmss, route->metric, std::nullopt, route->scope});
  }
  return out;
}

bool has_rule(const store::Record& record, const modes::Sourced& of) {
  return std::ranges::any_of(record.plan, [&](const plan::Step& step) {
    const auto* rule = std::get_if<plan::Rule>(&step);
    return rule && std::ranges::any_of(of.ips, [&](const plan::LeasedIp& ip) { return ip.cidr.ip == rule->from.ip; });
  });
}

// What it lacks.
std::vector<plan::Step> table_of(const store::Record& record, const net::IfName& nic) {
  const auto here = std::ranges::find(record.nics, nic, &store::Nic::name);
  if (here == record.nics.end() || !here->source_routing) return {};
  const modes::Sourced of = sourced(record, nic);
  std::vector<plan::Step> steps;
  if (of.ips.empty() || has_rule(record, of)) return steps;
  if (std::ranges::any_of(of.ips, [](const plan::LeasedIp& ip) { return ip.cidr.ip.family == net::Family::v4; }))
    steps.emplace_back(modes::own_arp_alone(nic));
  modes::add_source_table(steps, of);
  return steps;
}

// Made again as a whole: what is there already is no failure.
void make(engine::Context& context, const store::Record& record, const net::IfName& nic) {
  std::vector<plan::Step> steps;
  const modes::Sourced of = sourced(record, nic);
  for (const plan::Step& step : record.plan) {
    const auto* rule = std::get_if<plan::Rule>(&step);
    const bool from_it =
        rule && std::ranges::any_of(of.ips, [&](const plan::LeasedIp& ip) { return ip.cidr.ip == rule->from.ip; });
    if (from_it || is_of_table(step, nic) || step == plan::Step(modes::own_arp_alone(nic))) steps.push_back(step);
  }
  engine::reapply_attachment(context, steps);
}

}  // namespace

PodNow look_around(Session& session, const net::Owner& owner, const config::NetConf& conf) {
  PodNow now;
  const auto nics = config::nics(conf);
  if (std::ranges::all_of(nics, [](const config::NetConf* nic) { return nic->tap || nic->mode == "chained"; }))
    return now;
  kernel::Socket& pod = session.context().pod_route();
  std::vector<kernel::LinkInfo> links = kernel::dump_links(pod);
  const auto is_up = [](const kernel::LinkInfo& link) { return link.up() && link.name != kLoopback; };
  if (std::ranges::none_of(links, is_up)) return now;  // as nearly every pod
  const std::set<net::IfName> own = names_of(session, owner, conf);
  std::erase_if(links, [&](const kernel::LinkInfo& link) {
    return !is_up(link) || std::ranges::any_of(own, [&](const net::IfName& name) { return name.str() == link.name; });
  });
  now.siblings = siblings_among(session, owner, links);
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const auto out = kernel::way_out(pod, family);
    const auto link = out ? std::ranges::find(links, *out, &kernel::LinkInfo::index) : links.end();
    if (link == links.end()) continue;
    const net::IfName name = net::IfName::parse(link->name);
    const auto whose = std::ranges::find(now.siblings, name, &Sibling::nic);
    now.ways_out.push_back({family, name, whose == now.siblings.end() ? std::string() : whose->owner.network});
  }
  return now;
}

void fit_in(config::NetConf& conf, const PodNow& pod, const std::string& ifname) {
  for (const WayOut& way : pod.ways_out)
    for (const config::NetConf* nic : config::nics(conf)) {
      if (nic->tap || !config::asks_default(*nic, way.family)) continue;
      throw Error(base::Code::held,
                  "network '" + nic->name + "' asks for the pod's default route (" +
                      (way.family == net::Family::v4 ? "IPv4" : "IPv6") + ") by " +
                      config::name_of(*nic, ifname).str() + ", and the pod has it by " + way.link.str() +
                      (way.network.empty() ? ", which is none of trestle's" : " of network '" + way.network + "'") +
                      ": say \"defaultRoute\": false in the network that " + way.link.str() +
                      " is of, or leave it out here (" + config::name_of(*nic, ifname).str() +
                      " still answers what it is asked)");
    }
  config::choose_tables(conf, ifname, !pod.siblings.empty() || !pod.ways_out.empty());
}

void give_tables(Session& session, const std::vector<Sibling>& siblings) {
  for (const Sibling& sibling : siblings) {
    auto record = record_of(session, sibling.owner);
    if (!record) continue;
    const std::vector<plan::Step> missing = table_of(*record, sibling.nic);
    if (missing.empty()) continue;
    record->plan.insert(record->plan.end(), missing.begin(), missing.end());
    session.store().rewrite(*record);
    try {
      make(session.context(), *record, sibling.nic);
    } catch (const Error& e) {
      session.log().write(Log::Level::warn, "a NIC has no table of its own; 'trestle repair' makes it",
                          {{"nic", sibling.nic.str()}, {"network", sibling.owner.network}, {"why", e.what()}});
    }
  }
}

void mend_tables(Session& session, const store::Record& record) noexcept try {
  const bool routes =
      std::ranges::any_of(record.plan, [](const plan::Step& step) { return std::holds_alternative<plan::Rule>(step); });
  if (!routes || session.context().enter_pod(record.netns) != record.netns_cookie) return;
  for (const Sibling& sibling :
       siblings_among(session, record.owner, kernel::dump_links(session.context().pod_route())))
    if (const auto other = record_of(session, sibling.owner)) make(session.context(), *other, sibling.nic);
} catch (const std::exception&) {
  return;  // it is another NIC's: CHECK of that tells, and repair makes it
}

}  // namespace trestle::app
