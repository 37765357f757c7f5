#include "kernel/bond.h"
#include "base/error.h"
#include "engine/uplink.h"
#include "kernel/link.h"
#include "net/names.h"

namespace trestle::engine {

using plan::LinkRef;
using plan::Where;

namespace {

// The bond, when it is there and ours.
std::optional<kernel::LinkInfo> own_bond(Context& context, const plan::Bond& step) {
  auto link = kernel::get_link(context.route(), step.link);
  if (!link || link->kind != "bond" || link->group != step.group) return std::nullopt;
  return link;
}

// `bond` is the index of the link named `link`.
void add_member(Context& context, const net::IfName& name, const net::IfName& link, std::uint32_t bond) {
  const auto nic = kernel::get_link(context.route(), name);
  if (!nic)
    throw base::Error(base::Code::bad_config,
                      "uplink " + name.str() + ": the host has no such NIC; plug it in or name another");
  if (nic->master == bond) return;
  const auto master = nic->master == 0 ? std::nullopt : kernel::get_link(context.route(), nic->master);
  // Not another switch of ours either: an ADD that was refused afterwards had cut that one off its LAN.
  const bool own =
      master && master->group == context.switches() && net::bond_name(net::IfName::parse(master->name)) == link;
  if (master && !own)
    throw base::Error(base::Code::held, "uplink " + name.str() + " is a port of " + master->name +
                                            " already; take it out there, or name another NIC");
  kernel::Batch batch;
  kernel::enslave(batch, name, bond);
  // With takeAddresses it is a port of the switch until now, and the host's way to its LAN: the bond takes its place in the same send. Once the
  // bond became a port in a Step of its own, and an ADD killed between the two left the host cut off.
  if (master) kernel::set_uplink(batch, link, master->index);
  context.route().send_or_throw(batch);
}

}  // namespace

void make(Context& context, const plan::Bond& step) {
  const auto there = kernel::get_link(context.route(), step.link);
  if (there && !own_bond(context, step))
    throw base::Error(
        base::Code::held,
        step.link.str() + " is there and is no bond of ours; rename it, or give the network another bridge");
  kernel::Batch batch;
  if (!there) {
    kernel::add_bond(batch, step);
    context.route().send_or_throw(batch);
  }
  context.forget({Where::host, step.link});
  const std::uint32_t bond = context.index({Where::host, step.link});
  for (const net::IfName& member : step.members) add_member(context, member, step.link, bond);
  kernel::set_up(batch, step.link);
  context.route().send_or_throw(batch);
}

std::optional<std::string> defect_of(Context& context, const plan::Bond& step) {
  const auto bond = own_bond(context, step);
  if (!bond) return "is gone";
  if (!bond->up()) return "is down";
  for (const net::IfName& name : step.members) {
    const auto nic = kernel::get_link(context.route(), name);
    if (!nic) return name.str() + " is gone";
    if (nic->master != bond->index) return name.str() + " is no member";
  }
  return std::nullopt;
}

void take_away(Context& context, const plan::Bond& step) {
  const auto bond = own_bond(context, step);
  if (!bond) return;
  std::vector<net::IfName> freed;
  for (const net::IfName& name : step.members)
    if (const auto nic = kernel::get_link(context.route(), name); nic && nic->master == bond->index)
      freed.push_back(name);
  kernel::Batch batch;
  kernel::delete_link(batch, bond->index, step.link.str());
  for (const net::IfName& name : freed) kernel::set_up(batch, name);  // whom a bond lets go is down
  context.route().send_or_throw(batch);
}

}  // namespace trestle::engine
