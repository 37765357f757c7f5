#include "modes/nics.h"

#include <algorithm>

#include "cni/merge.h"
#include "plan/plan.h"

namespace trestle::modes {

namespace {

enum class Phase : std::uint8_t { guard, links, words };

// Every Step has its place, so that a new one cannot be forgotten.
Phase phase_of(const plan::Step& step) {
  return std::visit(plan::Overloaded{
                        [](const plan::Elements&) { return Phase::guard; },
                        [](const plan::Publish&) { return Phase::guard; },
                        [](const plan::Announce&) { return Phase::words; },
                        [](const plan::GuestHost&) { return Phase::words; },
                        [](const plan::Sysctl&) { return Phase::links; },
                        [](const plan::File&) { return Phase::links; },
                        [](const plan::Bridge&) { return Phase::links; },
                        [](const plan::Veth&) { return Phase::links; },
                        [](const plan::Up&) { return Phase::links; },
                        [](const plan::Port&) { return Phase::links; },
                        [](const plan::Address&) { return Phase::links; },
                        [](const plan::Route&) { return Phase::links; },
                        [](const plan::Rule&) { return Phase::links; },
                        [](const plan::Rules&) { return Phase::links; },
                        [](const plan::Fdb&) { return Phase::links; },
                        [](const plan::Bond&) { return Phase::links; },
                        [](const plan::Uplink&) { return Phase::links; },
                        [](const plan::Vlans&) { return Phase::links; },
                        [](const plan::TakeAddresses&) { return Phase::links; },
                        [](const plan::Neighbour&) { return Phase::links; },
                        [](const plan::Shape&) { return Phase::links; },
                        [](const plan::Tap&) { return Phase::links; },
                        [](const plan::Redirect&) { return Phase::links; },
                        [](const plan::Service&) { return Phase::links; },
                        [](const plan::Vxlan&) { return Phase::links; },
                        [](const plan::Nexthop&) { return Phase::links; },
                    },
                    step);
}

bool same_place(const plan::Route& a, const plan::Route& b) {
  return a.dev.where == b.dev.where && a.dst == b.dst && a.table == b.table && plan::metric_of(a) == plan::metric_of(b);
}

bool taken(const plan::Step& step, const std::vector<plan::Step>& steps) {
  const auto* route = std::get_if<plan::Route>(&step);
  return route && std::any_of(steps.begin(), steps.end(), [&](const plan::Step& other) {
           const auto* there = std::get_if<plan::Route>(&other);
           return there && there->dev != route->dev && same_place(*there, *route);
         });
}

// One gateway outside of the subnets of two NICs, as 169.254.1.1: each NIC's own routes need a way to it by that NIC, and the kernel takes any
// that there is.
bool is_way_to_gateway(const plan::Step& step) {
  const auto* route = std::get_if<plan::Route>(&step);
  return route && !route->via && !route->table && route->dst.length == route->dst.ip.bits();
}

void step_back(plan::Step& step) {
  auto& route = std::get<plan::Route>(step);
  route.metric = plan::metric_of(route) + 1;
}

// Those that its plan has, of the routes that it would have alone.
std::vector<cni::ResultRoute> kept(const std::vector<cni::ResultRoute>& routes,
                                   const std::vector<cni::ResultRoute>& earlier) {
  std::vector<cni::ResultRoute> out;
  for (const cni::ResultRoute& route : routes)
    if (std::none_of(earlier.begin(), earlier.end(), [&](const cni::ResultRoute& other) {
          return other.dst == route.dst && other.table == route.table && other.priority == route.priority;
        }))
      out.push_back(route);
  return out;
}

}  // namespace

std::vector<plan::Step> attachment(const std::vector<AttachmentInput>& nics) {
  if (nics.size() == 1) return find(nics.front().conf.mode).attachment(nics.front());
  std::vector<plan::Step> all;
  for (const AttachmentInput& in : nics)
    for (plan::Step& step : find(in.conf.mode).attachment(in)) {
      if (is_way_to_gateway(step))
        while (taken(step, all)) step_back(step);
      if (!taken(step, all)) all.push_back(std::move(step));
    }
  std::stable_sort(all.begin(), all.end(),
                   [](const plan::Step& a, const plan::Step& b) { return phase_of(a) < phase_of(b); });
  return all;
}

cni::Result result(const std::vector<AttachmentInput>& nics) {
  cni::Result all = result(nics.front());
  for (std::size_t i = 1; i < nics.size(); ++i) {
    cni::Result one = result(nics[i]);
    one.routes = kept(one.routes, all.routes);
    if (!all.dns.empty()) one.dns = {};
    all = cni::merge(all, one);
  }
  return all;
}

}  // namespace trestle::modes
