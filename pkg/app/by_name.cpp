#include "app/by_name.h"

#include <algorithm>
#include <set>

#include "app/stray.h"
#include "base/error.h"
#include "engine/service.h"
#include "engine/undo.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/netns.h"
#include "kernel/rule.h"
#include "modes/guest_services.h"
#include "net/alias.h"
#include "net/names.h"

namespace trestle::app {

namespace {

// Of its further NICs, whose names follow from a configuration that is not at hand.
void put_further(Session& session, const net::Owner& owner, std::uint32_t group, std::set<std::string>& links,
                 std::vector<plan::Step>& steps) {
  for (const kernel::LinkInfo& link : kernel::dump_links(session.context().route())) {
    if (link.group != group || links.contains(link.name) || net::alias_owner(link.alias) != owner) continue;
    const net::IfName name = net::IfName::parse(link.name);
    if (link.kind == "veth")
      steps.push_back(veth_step(name, group));
    else if (link.kind == "ifb")
      steps.push_back(ifb_step(name, group));
    links.insert(link.name);
  }
}

// Of addresses that no link has any more: those that are in use are another attachment's.
std::vector<plan::Step> stray_rules(kernel::Socket& pod, const std::vector<kernel::LinkInfo>& links) {
  std::vector<plan::Step> out;
  const std::vector<plan::Rule> rules = kernel::our_rules(pod);
  if (rules.empty()) return out;
  std::set<net::Ip> held;
  for (const kernel::LinkInfo& link : links)
    for (const net::Cidr& cidr : kernel::addresses(pod, link.index)) held.insert(cidr.ip);
  for (const plan::Rule& rule : rules)
    if (!held.contains(rule.from.ip)) out.emplace_back(rule);
  return out;
}

// What stands in the pod itself goes with no link of the host's.
std::vector<std::string> remove_strays_in_pod(Session& session, const net::Owner& owner, const std::string& path) {
  if (path.empty()) return {};
  auto netns = kernel::open_netns(path);
  if (!netns) return {};
  engine::Context pod(session.context().doomed(), session.context().switches());
  pod.set_pod(std::move(*netns));
  if (pod.pod_cookie() == session.identity().host_cookie) return {};
  const std::vector<kernel::LinkInfo> links = kernel::dump_links(pod.pod_route());
  std::vector<plan::Step> strays = stray_rules(pod.pod_route(), links);
  for (const kernel::LinkInfo& link : links)
    if (link.tun && net::alias_owner(link.alias) == owner)
      strays.push_back(tap_step(net::IfName::parse(link.name), link.alias));
  return engine::undo(pod, strays);
}

}  // namespace

std::vector<std::string> take_away_by_name(Session& session, const net::Owner& owner, const std::string& netns) {
  std::vector<std::string> failed;
  try {
    const net::IfName link = net::host_link_name(owner, net::IfName::parse(owner.ifname));
    const std::uint32_t group = net::link_group(session.settings().state_dir, owner.network);
    std::set<std::string> links = {link.str(), net::ifb_name(link).str()};
    std::vector<plan::Step> made = {veth_step(link, group), ifb_step(net::ifb_name(link), group)};
    put_further(session, owner, group, links, made);
    std::vector<plan::Step> steps = elements_of(session, links);
    steps.insert(steps.end(), made.begin(), made.end());
    failed = engine::undo(session.context(), steps);
    for (std::string& line : remove_strays_in_pod(session, owner, netns)) failed.push_back(std::move(line));
    for (const std::string& name : links)
      engine::forget_guest(modes::services_root(session.settings().state_dir), name);
  } catch (const base::Error& e) {
    failed.emplace_back(e.what());
  }
  return failed;
}

}  // namespace trestle::app
