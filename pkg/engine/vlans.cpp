#include "engine/vlans.h"

#include <algorithm>
#include <set>
#include <vector>

#include "kernel/link.h"
#include "kernel/vlan.h"

namespace trestle::engine {

namespace {

constexpr std::uint16_t kDefaultVid = 1;

bool of_ours(Context& context, const kernel::LinkInfo& bridge) {
  return bridge.vlan_filtering && is_switch_of_ours(context, bridge);
}

// The bridge itself, or the one that it is a port of.
std::optional<kernel::LinkInfo> bridge_of(Context& context, const kernel::LinkInfo& link) {
  if (link.kind == "bridge") return link;
  return kernel::get_link(context.route(), link.master);
}

void give(Context& context, const kernel::LinkInfo& link, bool self) {
  kernel::Batch batch;
  kernel::add_vlans(batch, link.index,
                    plan::Vlans{net::IfName::parse(link.name), self, kDefaultVid, {}, /* keep_default= */ true});
  context.route().send_or_throw(batch);
}

bool names(const plan::Vlans& vlans, std::uint16_t vid) {
  return vlans.pvid == vid || std::ranges::any_of(vlans.tagged, [&](const plan::VlanRange& range) {
           return range.first <= vid && vid <= range.last;
         });
}

}  // namespace

std::optional<std::string> default_vlan_defect(Context& context, const kernel::LinkInfo& bridge, std::uint32_t link) {
  if (!of_ours(context, bridge) || kernel::untagged_vlan(context.route(), link) == kDefaultVid) return std::nullopt;
  return "VLAN 1 is not its untagged one";
}

std::optional<std::string> default_vlan_defect(Context& context, const kernel::LinkInfo& bridge,
                                               const kernel::LinkInfo& link, const std::vector<plan::Step>& steps) {
  const bool named = std::ranges::any_of(steps, [&](const plan::Step& step) {
    const auto* vlans = std::get_if<plan::Vlans>(&step);
    return vlans && vlans->link.str() == link.name;
  });
  return named ? std::nullopt : default_vlan_defect(context, bridge, link.index);
}

void see_default_vlan(Context& context, const kernel::LinkInfo& bridge) {
  if (of_ours(context, bridge) && bridge.default_vlan != kDefaultVid) context.set_bare(net::IfName::parse(bridge.name));
}

void restore_default_vlan(Context& context, const net::IfName& link, bool self) {
  const auto there = kernel::get_link(context.route(), link);
  const auto bridge = there ? bridge_of(context, *there) : std::nullopt;
  if (!bridge || !default_vlan_defect(context, *bridge, there->index)) return;
  const std::set<std::uint16_t> has = kernel::vlans_of(context.route(), there->index);
  if (std::ranges::all_of(has, [](std::uint16_t vid) { return vid == kDefaultVid; })) give(context, *there, self);
}

void restore_default_vlan(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  const auto bridge = nic ? bridge_of(context, *nic) : std::nullopt;
  if (bridge && default_vlan_defect(context, *bridge, nic->index)) give(context, *nic, false);
}

std::optional<std::uint32_t> port_of_ours(Context& context, const net::IfName& name) {
  const auto link = kernel::get_link(context.route(), name);
  const auto bridge = link ? bridge_of(context, *link) : std::nullopt;
  return bridge && is_switch_of_ours(context, *bridge) ? std::optional(link->index) : std::nullopt;
}

std::optional<std::string> swallowed(Context& context, const plan::Vlans& vlans,
                                     const std::vector<net::IfName>& members) {
  if (vlans.self) return std::nullopt;
  const std::vector<kernel::LinkInfo> links = kernel::dump_links(context.route());
  std::set<std::uint32_t> below;
  for (const kernel::LinkInfo& link : links) {
    const auto is_it = [&](const net::IfName& name) { return link.name == name.str(); };
    if (is_it(vlans.link) || std::ranges::any_of(members, is_it)) below.insert(link.index);
  }
  for (const kernel::LinkInfo& link : links)
    if (link.port_kind == "bond" && below.contains(link.master)) below.insert(link.index);
  for (const kernel::LinkInfo& link : links)
    if (link.vlan && !link.vlan->service && below.contains(link.vlan->parent) && names(vlans, link.vlan->vid))
      return "VLAN " + std::to_string(link.vlan->vid) + " is taken by the host's own " + link.name +
             " before the switch sees it: delete that, or leave the VLAN to the host";
  return std::nullopt;
}

}  // namespace trestle::engine
