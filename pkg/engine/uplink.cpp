#include "engine/uplink.h"

#include <set>

#include "base/error.h"
#include "engine/pod_end.h"
#include "engine/vlans.h"
#include "kernel/link.h"
#include "net/names.h"
#include "plan/nic_use.h"

namespace trestle::engine {

using plan::Where;

void make(Context& context, const plan::Uplink& step) {
  const std::uint32_t master = context.index({Where::host, step.master});
  const auto nic = kernel::get_link(context.route(), step.nic);
  if (!nic)
    throw base::Error(base::Code::bad_config,
                      "uplink " + step.nic.str() + ": the host has no such NIC; plug it in or name another");
  if (nic->master != 0 && nic->master != master) {
    const auto other = kernel::get_link(context.route(), nic->master);
    throw base::Error(base::Code::held, "uplink " + step.nic.str() + " is a port of " +
                                            (other ? other->name : "another link") +
                                            " already; take it out there, or name that as the network's 'bridge'");
  }
  kernel::Batch batch;
  kernel::set_uplink(batch, step.nic, master);
  kernel::open_uplink(batch, step.nic);
  context.route().send_or_throw(batch);
  restore_default_vlan(context, step);
}

std::optional<std::string> defect_of(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  if (!nic) return "is gone";
  const auto bridge = kernel::get_link(context.route(), step.master);
  if (!bridge || nic->master != bridge->index) return "is no port of " + step.master.str();
  if (!nic->up()) return "is down";
  // One `bridge link set … isolated on` too many in an operator's loop over the ports cut all pods off the LAN, and nobody told.
  if (auto why = port_defect(context.route(), plan::Port{step.nic}, *nic, false)) return why;
  return default_vlan_defect(context, *bridge, nic->index);
}

std::optional<std::string> narrowness(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  const auto bridge = kernel::get_link(context.route(), step.master);
  if (!nic || !bridge || nic->mtu >= bridge->mtu) return std::nullopt;
  if (nic->kind == "bond" && nic->group == context.switches()) return std::nullopt;  // ours: its own Step tells
  return changed("MTU", std::to_string(nic->mtu), "the switch's " + std::to_string(bridge->mtu)) +
         ": what is larger is lost without a word; ip link set " + nic->name + " mtu " + std::to_string(bridge->mtu);
}

std::vector<std::string> lost_ways(Context& context, const plan::Elements& step) {
  std::vector<std::string> out;
  for (const plan::NicUse& use : plan::nic_uses({step}))
    if (!kernel::get_link(context.route(), use.nic))
      out.push_back("host:" + use.nic.str() + ": is gone, by which switch " + use.of.str() + " leaves");
  return out;
}

std::optional<std::string> foreign_port(Context& context, const std::vector<plan::Step>& steps) {
  std::optional<kernel::LinkInfo> bridge;
  std::set<std::string> own;
  for (const plan::Step& step : steps) {
    if (const auto* one = std::get_if<plan::Bridge>(&step)) bridge = kernel::get_link(context.route(), one->link);
    if (const auto* one = std::get_if<plan::Uplink>(&step)) own.insert(one->nic.str());
    if (const auto* one = std::get_if<plan::TakeAddresses>(&step)) own.insert(one->nic.str());
    if (const auto* one = std::get_if<plan::Vxlan>(&step)) own.insert(one->link.str());
  }
  if (!bridge || !is_switch_of_ours(context, *bridge)) return std::nullopt;
  for (const kernel::LinkInfo& port : kernel::dump_links(context.route(), bridge->index))
    if (!own.contains(port.name) && !net::is_our_group(port.group)) return port.name;
  return std::nullopt;
}

void take_away(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  const auto bridge = kernel::get_link(context.route(), step.master);
  if (!nic || !bridge || nic->master != bridge->index) return;
  kernel::Batch batch;
  kernel::set_master(batch, step.nic, 0);
  context.route().send_or_throw(batch);
}

}  // namespace trestle::engine
