#include "kernel/bond.h"

#include <algorithm>

#include "base/error.h"
#include "engine/pod_end.h"
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

std::vector<net::IfName> missing_members(Context& context, const plan::Bond& step) {
  std::vector<net::IfName> out;
  for (const net::IfName& name : step.members)
    if (!kernel::get_link(context.route(), name)) out.push_back(name);
  return out;
}

std::optional<std::string> defect_of(Context& context, const plan::Bond& step) {
  const auto bond = own_bond(context, step);
  if (!bond) return "is gone";
  if (!bond->up()) return "is down";
  if (bond->bond && bond->bond->mode != step.mode) return changed("mode", bond->bond->mode, step.mode);
  if (bond->bond && !bond->bond->monitored) return "looks after none of its members (miimon 0): it would not fail over";
  if (step.mtu != 0 && bond->mtu != step.mtu)
    return changed("MTU", std::to_string(bond->mtu), std::to_string(step.mtu));
  bool any = false;
  for (const net::IfName& name : step.members) {
    const auto nic = kernel::get_link(context.route(), name);
    if (nic && nic->master != bond->index) return name.str() + " is no member";
    any = any || nic;
  }
  return any ? std::nullopt : std::optional<std::string>("is without a NIC: none of its members is there");
}

}  // namespace

void make(Context& context, const plan::Bond& step) {
  const std::vector<net::IfName> missing = missing_members(context, step);
  if (missing.size() == step.members.size())
    throw base::Error(base::Code::bad_config, "uplink " + missing.front().str() +
                                                  ": the host has no such NIC, and none of the others of bond " +
                                                  step.link.str() + "; plug one in or name another");
  const auto there = kernel::get_link(context.route(), step.link);
  if (there && !own_bond(context, step))
    throw base::Error(
        base::Code::held,
        step.link.str() + " is there and is no bond of ours; rename it, or give the network another bridge");
  kernel::Batch batch;
  if (!there) {
    kernel::add_bond(batch, step);
  } else {
    kernel::change_bond(batch, step, *there);
  }
  if (!batch.empty()) context.route().send_or_throw(batch);
  context.forget({Where::host, step.link});
  const std::uint32_t bond = context.index({Where::host, step.link});
  for (const net::IfName& member : step.members)
    if (std::ranges::find(missing, member) == missing.end()) add_member(context, member, step.link, bond);
  kernel::set_up(batch, step.link);
  context.route().send_or_throw(batch);
}

std::vector<std::string> defects_of(Context& context, const plan::Bond& step, bool quick) {
  std::vector<std::string> out;
  if (auto why = defect_of(context, step)) out.push_back(std::move(*why));
  for (const net::IfName& name : missing_members(context, step)) {
    if (quick)
      context.note("bond " + step.link.str() + " goes on without " + name.str() + ": the host has no such NIC");
    else
      out.push_back(name.str() + " is gone");
  }
  return out;
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
