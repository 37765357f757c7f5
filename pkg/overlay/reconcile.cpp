#include "overlay/reconcile.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/neighbour.h"
#include "kernel/nexthop.h"
#include "kernel/route.h"
#include "overlay/desired.h"
#include "plan/plan.h"

namespace trestle::overlay {

using plan::LinkRef;
using plan::Step;
using plan::Where;

namespace {

constexpr std::size_t kTogether = 200;  // messages of one send
constexpr std::size_t kLeastAtOnce = 3, kShare = 5;

// Peers go as a whole: which of `gone` stay for now, because too many would go at once.
std::size_t hold_back(std::vector<Step>& gone, const std::vector<Step>& there, const std::vector<Step>& wanted) {
  const auto peers_in = [](const std::vector<Step>& steps) {
    std::set<net::Ip> out;
    for (const Step& step : steps)
      if (const auto* fdb = std::get_if<plan::Fdb>(&step); fdb && fdb->dst) out.insert(*fdb->dst);
    return out;
  };
  const std::set<net::Ip> had = peers_in(there), kept = peers_in(wanted);
  std::vector<net::Ip> leaving;
  std::set_difference(had.begin(), had.end(), kept.begin(), kept.end(), std::back_inserter(leaving));
  const std::size_t most = std::max(kLeastAtOnce, had.size() / kShare);
  if (leaving.size() <= most) return 0;
  const std::set<net::Ip> staying(leaving.begin() + static_cast<std::ptrdiff_t>(most), leaving.end());
  std::set<net::Mac> macs;
  std::set<net::Ip> vias;
  std::set<std::uint32_t> nexthops;
  for (const Step& step : there)
    if (const auto* fdb = std::get_if<plan::Fdb>(&step); fdb && fdb->dst && staying.contains(*fdb->dst))
      macs.insert(fdb->mac);
  for (const Step& step : there)
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step);
        neighbour && neighbour->mac && macs.contains(*neighbour->mac))
      vias.insert(neighbour->ip);
  for (const Step& step : there)
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step); nexthop && vias.contains(nexthop->via))
      nexthops.insert(nexthop->id);
  std::erase_if(gone, [&](const Step& step) {
    if (const auto* fdb = std::get_if<plan::Fdb>(&step)) return fdb->dst && staying.contains(*fdb->dst);
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step)) return vias.contains(neighbour->ip);
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step)) return nexthops.contains(nexthop->id);
    if (const auto* route = std::get_if<plan::Route>(&step))
      return route->nexthop && nexthops.contains(*route->nexthop);
    return false;
  });
  return leaving.size() - most;
}

class Programmer {
 public:
  Programmer(engine::Context& context, const net::IfName& vtep, std::uint32_t index)
      : socket_(context.route()), vtep_(vtep), index_(index) {}

  void add(const Step& step) {
    if (const auto* fdb = std::get_if<plan::Fdb>(&step)) kernel::add_fdb(batch_, index_, *fdb);
    if (const auto* neighbour = std::get_if<plan::Neighbour>(&step)) kernel::add_neighbour(batch_, index_, *neighbour);
    if (const auto* nexthop = std::get_if<plan::Nexthop>(&step)) kernel::add_nexthop(batch_, index_, *nexthop);
    if (const auto* route = std::get_if<plan::Route>(&step))
      kernel::add_route(batch_, 0, *route, true, plan::describe(step));
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

 private:
  void send_when(std::size_t at_least) {
    if (++waiting_ < at_least && at_least != 1) return;
    waiting_ = 0;
    if (!batch_.empty()) socket_.send_or_throw(batch_);
  }

  kernel::Socket& socket_;
  const net::IfName& vtep_;
  std::uint32_t index_;
  kernel::Batch batch_;
  std::size_t waiting_ = 0;
};

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
  const auto nexthops = kernel::nexthops(host, *index, vtep);
  append(nexthops);
  std::set<std::uint32_t> ids;
  for (const plan::Nexthop& nexthop : nexthops) ids.insert(nexthop.id);
  std::vector<plan::Route> routes = kernel::tunnel_routes(host, dev);
  std::erase_if(routes, [&](const plan::Route& route) { return !ids.contains(*route.nexthop); });
  append(routes);
  return out;
}

Outcome reconcile(engine::Context& context, const net::IfName& vtep, const std::vector<Step>& wanted) {
  Outcome out;
  const auto index = kernel::link_index(context.route(), vtep);
  if (!index) return out;
  const std::vector<Step> there = seen(context, vtep);
  Difference change = difference(there, wanted);
  out.kept = hold_back(change.gone, there, wanted);
  Programmer programmer(context, vtep, *index);
  // A route that goes from one peer to another is in both lists: replaced, it is not lost for a moment.
  std::set<std::string> again;
  for (const Step& step : change.fresh) again.insert(plan::object_key(step));
  for (const Step& step : change.fresh) programmer.add(step);
  programmer.finish();
  for (const Step& step : change.gone)
    if (!again.contains(plan::object_key(step))) programmer.remove(step);
  programmer.finish();
  out.made = change.fresh.size();
  out.removed = change.gone.size();
  return out;
}

}  // namespace trestle::overlay
