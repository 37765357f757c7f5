#include "overlay/reconcile.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/error.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/neighbour.h"
#include "kernel/nexthop.h"
#include "kernel/route.h"
#include "overlay/nexthop_id.h"
#include "plan/plan.h"

namespace trestle::overlay {

using plan::LinkRef;
using plan::Step;
using plan::Where;

namespace {

constexpr std::size_t kTogether = 200;  // messages of one send
constexpr std::size_t kLeastAtOnce = 3, kShare = 5;

// Peers go as a whole: which of `gone` stay for now, because too many would go at once.
void hold_back(Outcome& out, std::vector<Step>& gone, const std::vector<Step>& there, const std::vector<Step>& wanted,
               const Leave& leave) {
  const auto peers_in = [](const std::vector<Step>& steps) {
    std::set<net::Ip> ends;
    for (const Step& step : steps)
      if (const auto* fdb = std::get_if<plan::Fdb>(&step); fdb && fdb->dst) ends.insert(*fdb->dst);
    return ends;
  };
  const std::set<net::Ip> had = peers_in(there), kept = peers_in(wanted);
  std::vector<net::Ip> leaving;
  std::set_difference(had.begin(), had.end(), kept.begin(), kept.end(), std::back_inserter(leaving));
  const std::size_t most = may_leave(leave, had.size());
  out.had = had.size();
  out.left = std::min(most, leaving.size());
  if (leaving.size() <= most) return;
  const std::set<net::Ip> staying(leaving.begin() + static_cast<std::ptrdiff_t>(most), leaving.end());
  std::set<net::Mac> macs;
  std::set<net::Ip> vias;
  std::set<std::uint32_t> places;
  for (const Step& step : there)
    if (const auto* fdb = std::get_if<plan::Fdb>(&step); fdb && fdb->dst && staying.contains(*fdb->dst))
      macs.insert(fdb->mac);
  for (const Step& step : there)
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step);
        neighbour && neighbour->mac && macs.contains(*neighbour->mac))
      vias.insert(neighbour->ip);
  for (const Step& step : there)
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step); nexthop && vias.contains(nexthop->via))
      places.insert(place_in(nexthop->id));
  std::erase_if(gone, [&](const Step& step) {
    if (const auto* fdb = std::get_if<plan::Fdb>(&step)) return fdb->dst && staying.contains(*fdb->dst);
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step)) return vias.contains(neighbour->ip);
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step)) return places.contains(place_in(nexthop->id));
    if (const auto* route = std::get_if<plan::Route>(&step))
      return route->nexthop && places.contains(place_in(*route->nexthop));
    return false;
  });
  out.kept.assign(staying.begin(), staying.end());
}

// In the kernel there is one route to a subnet, whichever link it leads by.
std::string place_of(const Step& step) {
  const auto* route = std::get_if<plan::Route>(&step);
  return route ? "route " + route->dst.str() : plan::object_key(step);
}

class Programmer {
 public:
  Programmer(engine::Context& context, const net::IfName& vtep, std::uint32_t index)
      : context_(context), vtep_(vtep), index_(index) {}

  // `again`: it is there already, ours, and gets another value.
  void add(const Step& step, bool again) {
    if (const auto* fdb = std::get_if<plan::Fdb>(&step)) kernel::add_fdb(batch_, index_, *fdb);
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step)) kernel::add_neighbour(batch_, index_, *neighbour);
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step))
      kernel::add_nexthop(batch_, context_.index({Where::host, nexthop->dev}), *nexthop, again);
    if (const auto* route = std::get_if<plan::Route>(&step))
      kernel::add_route(batch_, 0, *route, again, plan::describe(step));
    send_when(kTogether);
  }
  void remove(const Step& step) {
    if (const auto* fdb = std::get_if<plan::Fdb>(&step)) kernel::delete_fdb(batch_, index_, *fdb);
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step))
      kernel::delete_neighbour(batch_, index_, *neighbour);
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step))
      kernel::delete_nexthop(batch_, nexthop->id, plan::describe(step));
    if (const auto* route = std::get_if<plan::Route>(&step))
      kernel::delete_route(batch_, 0, *route, plan::describe(step));
    send_when(kTogether);
  }
  void finish() { send_when(1); }
  const std::vector<std::string>& refused() const { return refused_; }

 private:
  void send_when(std::size_t at_least) {
    if (++waiting_ < at_least && at_least != 1) return;
    waiting_ = 0;
    if (batch_.empty()) return;
    for (const kernel::Refusal& refusal : context_.route().send(batch_)) {
      if (refusal.err != EEXIST) kernel::refuse(refusal);
      refused_.push_back(refusal.label + " is there already, by another hand");
    }
  }

  engine::Context& context_;
  const net::IfName& vtep_;
  std::uint32_t index_;
  kernel::Batch batch_;
  std::size_t waiting_ = 0;
  std::vector<std::string> refused_;
};

std::set<std::uint32_t> refused_nexthops(const std::vector<Step>& steps, const std::vector<std::string>& refused) {
  std::set<std::uint32_t> out;
  if (refused.empty()) return out;
  for (const Step& step : steps)
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step))
      for (const std::string& line : refused)
        if (line.starts_with(plan::describe(*nexthop))) out.insert(nexthop->id);
  return out;
}

// Adds the tunnel's next hops and those past it; the link of each.
std::map<std::uint32_t, net::IfName> append_nexthops(std::vector<Step>& out, kernel::Socket& host, std::uint32_t index,
                                                     const net::IfName& vtep) {
  const std::vector<kernel::HeldNexthop> all = kernel::nexthops(host);
  std::map<std::uint32_t, net::IfName> devs;
  std::set<std::uint32_t> places;
  for (const kernel::HeldNexthop& one : all)
    if (one.link_index == index && !is_past_tunnel(one.id)) {
      out.emplace_back(plan::Nexthop{one.id, vtep, one.via});
      devs.emplace(one.id, vtep);
      places.insert(place_in(one.id));
    }
  std::map<std::uint32_t, net::IfName> names;
  for (const kernel::HeldNexthop& one : all) {
    if (!is_past_tunnel(one.id) || !places.contains(place_in(one.id))) continue;
    auto name = names.find(one.link_index);
    if (name == names.end()) {
      const auto link = kernel::get_link(host, one.link_index);
      if (!link) continue;
      name = names.emplace(one.link_index, net::IfName::parse(link->name)).first;
    }
    out.emplace_back(plan::Nexthop{one.id, name->second, one.via});
    devs.emplace(one.id, name->second);
  }
  return devs;
}

}  // namespace

std::vector<Step> seen(engine::Context& context, const net::IfName& vtep) {
  std::vector<Step> out;
  kernel::Socket& host = context.route();
  const auto index = kernel::link_index(host, vtep);
  if (!index) return out;
  const LinkRef dev{Where::host, vtep};
  const auto append = [&](const auto& all) { out.insert(out.end(), all.begin(), all.end()); };
  append(kernel::tunnel_entries(host, *index, vtep));
  append(kernel::neighbours(host, *index, dev));
  const std::map<std::uint32_t, net::IfName> devs = append_nexthops(out, host, *index, vtep);
  for (plan::Route& route : kernel::tunnel_routes(host, dev))
    if (const auto found = devs.find(*route.nexthop); found != devs.end()) {
      route.dev.name = found->second;
      out.emplace_back(std::move(route));
    }
  return out;
}

std::vector<std::string> program(engine::Context& context, const net::IfName& vtep, const Difference& steps) {
  const auto index = kernel::link_index(context.route(), vtep);
  if (!index) return {};
  Programmer programmer(context, vtep, *index);
  // A route that goes from one peer to another, or out of the tunnel, is in both lists: replaced, it is not lost for a moment.
  std::set<std::string> fresh, gone;
  for (const Step& step : steps.fresh) fresh.insert(place_of(step));
  for (const Step& step : steps.gone) gone.insert(place_of(step));
  const auto add = [&](bool routes, const auto& fits) {
    for (const Step& step : steps.fresh)
      if (std::holds_alternative<plan::Route>(step) == routes && fits(step))
        programmer.add(step, gone.contains(place_of(step)));
    programmer.finish();
  };
  add(false, [](const Step&) { return true; });
  // A number that another hand has would lead our routes its way.
  const std::set<std::uint32_t> foreign = refused_nexthops(steps.fresh, programmer.refused());
  add(true, [&](const Step& step) { return !foreign.contains(std::get<plan::Route>(step).nexthop.value_or(0)); });
  for (const Step& step : steps.gone)
    if (!fresh.contains(place_of(step))) programmer.remove(step);
  programmer.finish();
  return programmer.refused();
}

void forget_strangers(engine::Context& context, const config::Overlay& overlay, const std::vector<net::Ip>& kept) {
  const net::IfName vtep = config::vtep_of(overlay);
  const auto index = kernel::link_index(context.route(), vtep);
  if (overlay.layer != 2 || !config::is_listed(overlay) || !index) return;
  std::set<net::Ip> peers(kept.begin(), kept.end());
  for (const config::Peer& peer : overlay.here->others) peers.insert(peer.vtep);
  kernel::Batch batch;
  for (const plan::Fdb& station : kernel::learned_entries(context.route(), *index, vtep))
    if (!peers.contains(*station.dst)) kernel::delete_fdb(batch, *index, station);
  if (!batch.empty()) context.route().send_or_throw(batch);
}

std::size_t may_leave(const Leave& leave, std::size_t there) {
  if (leave.none) return 0;
  const std::size_t most = std::max(kLeastAtOnce, leave.stood.value_or(there) / kShare);
  return most - std::min(most, leave.gone);
}

Outcome reconcile(engine::Context& context, const net::IfName& vtep, const std::vector<Step>& wanted,
                  const Leave& leave) {
  Outcome out;
  const std::vector<Step> there = seen(context, vtep);
  Difference change = difference(there, wanted);
  hold_back(out, change.gone, there, wanted, leave);
  out.refused = program(context, vtep, change);
  out.made = change.fresh.size() - std::min(out.refused.size(), change.fresh.size());
  out.removed = change.gone.size();
  return out;
}

void drop_widows(engine::Context& context) {
  std::vector<std::uint32_t> past;
  std::set<std::uint32_t> places;
  for (const kernel::HeldNexthop& one : kernel::nexthops(context.route()))
    if (is_past_tunnel(one.id))
      past.push_back(one.id);
    else
      places.insert(place_in(one.id));
  kernel::Batch batch;
  for (const std::uint32_t id : past)
    if (!places.contains(place_in(id))) kernel::delete_nexthop(batch, id, "next hop " + std::to_string(id));
  if (!batch.empty()) context.route().send_or_throw(batch);
}

}  // namespace trestle::overlay
