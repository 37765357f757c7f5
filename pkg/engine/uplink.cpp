#include "engine/uplink.h"

#include <set>

#include "base/error.h"
#include "kernel/link.h"
#include "net/names.h"

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
  context.route().send_or_throw(batch);
}

std::optional<std::string> defect_of(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  if (!nic) return "is gone";
  if (nic->master != kernel::link_index(context.route(), step.master).value_or(~0U))
    return "is no port of " + step.master.str();
  if (!nic->up()) return "is down";
  return std::nullopt;
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
