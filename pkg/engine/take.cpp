#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "engine/uplink.h"
#include "kernel/address.h"
#include "kernel/foreign.h"
#include "kernel/host_state.h"
#include "kernel/link.h"
#include "kernel/neighbour.h"
#include "kernel/route.h"
#include "kernel/rule.h"
#include "plan/plan.h"

namespace trestle::engine {

using base::Code;
using base::Error;
using kernel::HostState;
using plan::Where;

namespace {

// One end of a move.
struct Side {
  net::IfName name;
  std::uint32_t index = 0;
};

// The kernel works through one send without a look at signals: whoever kills us finds all of it done, or nothing. Every address is on the
// other side by then.
void put_move(kernel::Batch& batch, const HostState& what, const Side& from, const Side& to) {
  for (const plan::TakenRoute& route : what.routes)
    kernel::replace_route(batch, to.index, route, "route " + route.dst.str() + " to " + to.name.str());
  for (const plan::TakenAddress& address : what.addresses)
    kernel::delete_address(batch, from.index, address.cidr, address.cidr.str() + " off " + from.name.str());
}

void put_addresses(kernel::Batch& batch, const HostState& what, const Side& to) {
  const auto put = [&](const plan::TakenAddress& address) { kernel::put_address(batch, to.index, to.name, address); };
  for (const plan::TakenAddress& address : what.addresses)
    if (address.cidr.ip.family == net::Family::v4) put(address);
  // The kernel lists IPv6 addresses from the latest on, and takes that as the source.
  for (std::size_t i = what.addresses.size(); i-- > 0;)
    if (what.addresses[i].cidr.ip.family == net::Family::v6) put(what.addresses[i]);
}

bool has(const HostState& state, const plan::TakenAddress& address) {
  return std::any_of(state.addresses.begin(), state.addresses.end(),
                     [&](const plan::TakenAddress& other) { return other.cidr == address.cidr; });
}

// The gateway as it is recorded, or as somebody has changed it since.
std::set<kernel::RouteKey> keys_of(const HostState& state) {
  std::set<kernel::RouteKey> out;
  for (const plan::TakenRoute& route : state.routes) out.insert(kernel::key_of(route));
  return out;
}

// Is it an address that a host is reached by? Every link has link-local ones.
bool is_real(const net::Ip& ip) { return ip.family == net::Family::v4 || !ip.is_link_local(); }

// Has the host another address there by now? Then those that are missing were taken away on purpose, and may be another machine's.
template <class Addresses, class Cidr>
bool renumbered(const plan::TakeAddresses& step, const Addresses& there, net::Family family, Cidr cidr_of) {
  return std::any_of(there.begin(), there.end(), [&](const auto& one) {
    const net::Cidr& cidr = cidr_of(one);
    return cidr.ip.family == family && is_real(cidr.ip) &&
           std::none_of(step.addresses.begin(), step.addresses.end(),
                        [&](const plan::TakenAddress& known) { return known.cidr == cidr; });
  });
}

constexpr std::uint32_t kMainTable = 254;

bool is_way_out(const plan::TakenRoute& route) { return route.dst.length == 0 && route.table == kMainTable; }

// What of the Step is still to be moved. On a switch that has the addresses already a route that is nowhere was removed on purpose; but for a
// default route in whose place there is no other: the kernel takes it away when the switch goes down for a moment.
HostState still_to_move(Context& context, const plan::TakeAddresses& step, const HostState& nic,
                        const HostState& bridge) {
  HostState out{step.addresses, step.routes, {}};
  std::erase_if(out.addresses, [&](const plan::TakenAddress& address) {
    return !has(bridge, address) && !has(nic, address) &&
           renumbered(step, bridge.addresses, address.cidr.ip.family, [](const auto& one) { return one.cidr; });
  });
  const bool fresh = std::any_of(out.addresses.begin(), out.addresses.end(),
                                 [&](const plan::TakenAddress& address) { return !has(bridge, address); });
  const std::set<kernel::RouteKey> on_bridge = keys_of(bridge), on_nic = keys_of(nic);
  std::erase_if(out.routes, [&](const plan::TakenRoute& route) {
    if (on_bridge.contains(kernel::key_of(route))) return true;
    if (fresh || on_nic.contains(kernel::key_of(route))) return false;
    return !is_way_out(route) || kernel::way_out(context.route(), route.dst.ip.family).has_value();
  });
  return out;
}

void refuse_fixed(const std::string& subject, const HostState& state, const std::string& remedy) {
  if (state.fixed.empty()) return;
  throw Error(Code::bad_config, subject + ": " + state.fixed.front() + "; " + remedy, base::join(state.fixed, "\n"));
}

// Neighbours and policy rules name the NIC: the former would be lost with its addresses, the latter would match nothing any more.
void add_what_names_it(Context& context, const kernel::LinkInfo& nic, HostState& state) {
  const net::IfName name = net::IfName::parse(nic.name);
  for (const plan::Neighbour& one : kernel::neighbours(context.route(), nic.index, {Where::host, name}))
    if (!one.ip.is_multicast()) state.fixed.push_back("neighbour " + one.ip.str() + " is a permanent entry of it");
  if (kernel::rules_name(context.route(), name)) state.fixed.emplace_back("a policy rule (ip rule) names it");
}

bool carries_any(const HostState& state) {
  return std::ranges::any_of(state.addresses, [](const plan::TakenAddress& one) { return is_real(one.cidr.ip); });
}

// A firewall that lets people in by the NIC's name locked them out: what comes in comes by the switch from then on.
void refuse_rules(Context& context, const net::IfName& nic, const net::IfName& bridge) {
  const auto chain = kernel::chain_that_names(context.nft(), nic, bridge);
  if (!chain) return;
  throw Error(Code::bad_config, "uplink " + nic.str() + ": " + *chain +
                                    " has a rule for it by name, which packets of the host would pass by, because they "
                                    "come and go by switch " +
                                    bridge.str() + " then; write the rule for \"" + bridge.str() +
                                    "\" too, and add the pod again");
}

kernel::LinkInfo nic_of(Context& context, const net::IfName& name) {
  if (auto nic = kernel::get_link(context.route(), name)) return *nic;
  throw Error(Code::bad_config, "uplink " + name.str() + ": the host has no such NIC; plug it in");
}

}  // namespace

std::optional<plan::TakeAddresses> read_taken(Context& context, const std::vector<net::IfName>& nics,
                                              const net::IfName& bridge, bool take) {
  std::optional<plan::TakeAddresses> taken;
  // The store may be lost, and the addresses be on the switch already.
  const auto own = kernel::get_link(context.route(), bridge);
  if (own && own->group == context.switches()) {
    HostState state = kernel::read_host_state(context.route(), own->index);
    if (carries_any(state))
      return plan::TakeAddresses{nics.front(), bridge, std::move(state.addresses), std::move(state.routes)};
  }
  for (const net::IfName& name : nics) {
    const kernel::LinkInfo nic = nic_of(context, name);
    HostState state = kernel::read_host_state(context.route(), nic.index);
    if (!carries_any(state)) continue;
    const std::string first = state.addresses.front().cidr.str();
    if (!take)
      throw Error(Code::bad_config, "uplink " + name.str() + " carries the host's address " + first +
                                        ", which a port of a switch cannot use: say \"takeAddresses\": true to move it "
                                        "to the switch, or take another NIC");
    if (taken)
      throw Error(Code::bad_config, "uplinks " + taken->nic.str() + " and " + name.str() +
                                        " both carry addresses of the host; leave them on one of the two");
    add_what_names_it(context, nic, state);
    refuse_rules(context, name, bridge);
    refuse_fixed(
        "uplink " + name.str() + " of the host", state,
        "a switch that takes the NIC's addresses would lose it; make it a plain static one, or take another NIC");
    taken = plan::TakeAddresses{name, bridge, std::move(state.addresses), std::move(state.routes)};
  }
  return taken;
}

void make(Context& context, const plan::TakeAddresses& step) {
  // A bond goes on without the NIC that the addresses came from.
  if (!kernel::get_link(context.route(), step.nic) && !defect_of(context, step)) return;
  const kernel::LinkInfo link = nic_of(context, step.nic);
  const Side nic{step.nic, link.index}, bridge{step.bridge, context.index({Where::host, step.bridge})};
  kernel::Socket& socket = context.route();
  const HostState what = still_to_move(context, step, kernel::read_host_state(socket, nic.index),
                                       kernel::read_host_state(socket, bridge.index));
  kernel::Batch batch;
  put_addresses(batch, what, bridge);  // on both now: harmless, its routes come after the NIC's
  socket.send_or_throw(batch);
  const bool free = link.master == 0;  // else it is a port already, or in a bond
  if (free) kernel::set_uplink(batch, nic.name, bridge.index);
  put_move(batch, what, nic, bridge);
  const std::vector<kernel::Refusal> refused = socket.send(batch);
  if (refused.empty()) return;
  if (free) kernel::set_master(batch, nic.name, 0);
  put_addresses(batch, what, nic);
  put_move(batch, what, bridge, nic);
  static_cast<void>(socket.send(batch));
  kernel::refuse(refused.front());
}

std::optional<std::string> defect_of(Context& context, const plan::TakeAddresses& step) {
  const auto bridge = kernel::get_link(context.route(), step.bridge);
  if (!bridge) return "is gone";
  const std::vector<net::Cidr> there = kernel::addresses(context.route(), bridge->index);
  for (const plan::TakenAddress& address : step.addresses)
    if (std::find(there.begin(), there.end(), address.cidr) == there.end() &&
        !renumbered(step, there, address.cidr.ip.family, [](const net::Cidr& one) { return one; }))
      return "the host's address " + address.cidr.str() + " is not on " + step.bridge.str();
  if (const auto nic = kernel::link_index(context.route(), step.nic))
    for (const net::Cidr& one : kernel::addresses(context.route(), *nic))
      if (std::ranges::any_of(step.addresses, [&](const plan::TakenAddress& address) { return address.cidr == one; }))
        return "the host's address " + one.str() + " is on " + step.nic.str() + " again, which is a port by now";
  for (const plan::TakenRoute& route : step.routes)
    if (is_way_out(route) && !kernel::way_out(context.route(), route.dst.ip.family))
      return "the host has no default route any more (" + route.dst.str() +
             (route.via ? " via " + route.via->str() : std::string()) + ")";
  return std::nullopt;
}

bool lives_on(Context& context, const net::IfName& bridge) {
  const auto link = kernel::get_link(context.route(), bridge);
  if (!link || !is_switch_of_ours(context, *link)) return false;
  const std::vector<net::Cidr> there = kernel::addresses(context.route(), link->index);
  return std::any_of(there.begin(), there.end(), [](const net::Cidr& address) { return is_real(address.ip); });
}

void give_back(Context& context, const plan::TakeAddresses& step) {
  const auto link = kernel::get_link(context.route(), step.bridge);
  if (!link || !is_switch_of_ours(context, *link)) return;
  kernel::Socket& socket = context.route();
  const Side bridge{step.bridge, link->index}, nic{step.nic, nic_of(context, step.nic).index};
  const HostState what = kernel::read_host_state(socket, bridge.index);
  refuse_fixed("switch " + step.bridge.str(), what, "stop what renews it there first");
  kernel::Batch batch;
  put_addresses(batch, what, nic);
  socket.send_or_throw(batch);
  kernel::set_uplink(batch, nic.name, 0);
  put_addresses(batch, what, nic);  // a bond that lets a member go puts it down, which costs it its IPv6 addresses
  put_move(batch, what, bridge, nic);
  socket.send_or_throw(batch);
}

}  // namespace trestle::engine
