#include "app/stray.h"

#include <algorithm>
#include <utility>

#include "kernel/link.h"
#include "kernel/nft.h"
#include "kernel/nft_publish.h"
#include "kernel/vxlan.h"
#include "modes/guard.h"
#include "net/names.h"

namespace trestle::app {

namespace {

const std::string* first_link(const plan::Element& element) {
  if (element.key.empty()) return nullptr;
  const auto* name = std::get_if<net::IfName>(&element.key.front());
  return name ? &name->str() : nullptr;
}

const net::Ip* last_address(const plan::Element& element) {
  return element.key.size() == 2 ? std::get_if<net::Ip>(&element.key.back()) : nullptr;
}

// All elements of the sets that have one or more per attachment.
std::vector<plan::Elements> all_elements(Session& session) {
  std::vector<plan::Elements> out;
  kernel::Socket& nft = session.context().nft();
  for (const plan::Table table : {plan::Table::inet, plan::Table::bridge})
    for (const std::string& set : kernel::set_names(nft, table))
      if (modes::is_of_attachments(table, set)) out.push_back({table, set, kernel::list_elements(nft, table, set)});
  return out;
}

// What leads to one of these addresses from a port of the host: the maps name no link.
plan::Publish ports_to(Session& session, const std::set<net::Ip>& addresses) {
  plan::Publish out;
  if (addresses.empty()) return out;
  out.mappings = kernel::list_published(session.context().nft());
  std::erase_if(out.mappings, [&](const plan::Mapping& mapping) { return !addresses.contains(mapping.address); });
  return out;
}

}  // namespace

std::set<std::string> mentioned_links(Session& session) {
  std::set<std::string> links;
  for (const plan::Elements& some : all_elements(session))
    for (const plan::Element& element : some.elements)
      if (const std::string* link = first_link(element)) links.insert(*link);
  return links;
}

std::map<std::string, std::vector<plan::Step>> elements_by_link(Session& session) {
  std::map<std::string, std::vector<plan::Step>> out;
  std::map<net::Ip, std::string> links;
  for (const plan::Elements& some : all_elements(session)) {
    std::map<std::string, plan::Elements> split;
    for (const plan::Element& element : some.elements) {
      const std::string* link = first_link(element);
      if (!link) continue;
      split.try_emplace(*link, plan::Elements{some.table, some.set, {}}).first->second.elements.push_back(element);
      if (const net::Ip* ip = last_address(element)) links.emplace(*ip, *link);
    }
    for (auto& [link, elements] : split) out[link].emplace_back(std::move(elements));
  }
  std::map<std::string, plan::Publish> ports;
  for (plan::Mapping& mapping : kernel::list_published(session.context().nft()))
    if (const auto link = links.find(mapping.address); link != links.end())
      ports[link->second].mappings.push_back(std::move(mapping));
  for (auto& [link, publish] : ports) out[link].emplace_back(std::move(publish));
  return out;
}

std::vector<plan::Step> elements_of(Session& session, const std::set<std::string>& links) {
  std::vector<plan::Step> out;
  std::set<net::Ip> addresses;
  for (plan::Elements& some : all_elements(session)) {
    std::erase_if(some.elements, [&](const plan::Element& element) {
      const std::string* link = first_link(element);
      if (!link || !links.contains(*link)) return true;
      if (const net::Ip* ip = last_address(element)) addresses.insert(*ip);
      return false;
    });
    if (!some.elements.empty()) out.emplace_back(std::move(some));
  }
  plan::Publish ports = ports_to(session, addresses);
  if (!ports.mappings.empty()) out.emplace_back(std::move(ports));
  return out;
}

std::vector<plan::Step> stray_tunnels(Session& session, const std::set<net::IfName>& known,
                                      const std::vector<std::vector<plan::Step>>& kept) {
  kernel::Socket& host = session.context().route();
  const std::uint32_t group = net::switch_group(session.settings().state_dir);
  const auto is_wanted = [&](const kernel::VxlanInfo& tunnel) {
    return std::ranges::any_of(kept, [&](const std::vector<plan::Step>& steps) {
      return std::ranges::any_of(steps, [&](const plan::Step& step) {
        const auto* vxlan = std::get_if<plan::Vxlan>(&step);
        return vxlan && vxlan->vni == tunnel.vni && vxlan->port == tunnel.port;
      });
    });
  };
  std::vector<plan::Step> out;
  for (const kernel::LinkInfo& link : kernel::dump_links(host)) {
    if (link.group != group) continue;
    const net::IfName name = net::IfName::parse(link.name);
    if (link.kind == "bridge" && !known.contains(name))
      for (const kernel::LinkInfo& port : kernel::dump_links(host, link.index))
        if (port.kind != "vxlan") return {};
    const auto info = link.kind == "vxlan" ? kernel::get_vxlan(host, name) : std::nullopt;
    if (!info || is_wanted(*info)) continue;
    out.emplace_back(plan::Vxlan{name, {}, info->vni, info->port, {}, {}, {}, {}, {}, {}, {}, {}, group});
  }
  return out;
}

plan::Step veth_step(const net::IfName& host, std::uint32_t group, const std::string& alias) {
  return plan::Veth{host, host, {}, {}, 0, host, group, alias};
}

plan::Step ifb_step(const net::IfName& ifb, std::uint32_t group, const std::string& alias) {
  return plan::Shape{ifb, ifb, {}, {1, 0}, group, 0, alias};  // any rate: it has an ifb
}

plan::Step tap_step(const net::IfName& tap, const std::string& alias) {
  return plan::Tap{tap, {}, 0, {}, false, 0, {}, alias};
}

}  // namespace trestle::app
