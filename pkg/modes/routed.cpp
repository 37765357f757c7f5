#include "modes/routed.h"

#include <algorithm>

#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/guest_services.h"
#include "modes/publish.h"
#include "modes/rules_text.h"
#include "modes/tunnel.h"
#include "modes/verdicts.h"

namespace trestle::modes {

using plan::LinkRef;
using plan::Where;

namespace {

// Sources beyond the subnet that the guard of a port lets pass: the switch dropped them without a word. Of prefixes in each other the widest.
void add_allowed(std::vector<plan::Step>& steps, const SwitchInput& in) {
  const std::vector<net::Cidr>& all = in.conf.allowed_addresses;
  plan::Elements v4{plan::Table::inet, "also4-" + in.conf.bridge.str(), {}};
  plan::Elements v6{plan::Table::inet, "also6-" + in.conf.bridge.str(), {}};
  for (const net::Cidr& one : all) {
    plan::Elements& set = one.ip.family == net::Family::v4 ? v4 : v6;
    plan::Element element{{one.network()}, {}};
    const bool wider = std::ranges::any_of(
        all, [&](const net::Cidr& other) { return other.length < one.length && other.overlaps(one); });
    if (!wider && std::ranges::find(set.elements, element) == set.elements.end())
      set.elements.push_back(std::move(element));
  }
  for (plan::Elements* set : {&v4, &v6})
    if (!set->elements.empty()) steps.emplace_back(std::move(*set));
}

}  // namespace

plan::Shared routed_shared(const SwitchInput& in) {
  std::vector<plan::Step> steps;
  add_forwarding(steps, in);
  if (in.conf.proxy_arp && has_family(in.conf, net::Family::v6))
    steps.push_back(
        plan::Sysctl{Where::host, "net/ipv6/conf/" + in.conf.uplink->links.front().str() + "/proxy_ndp", "1"});
  add_gateway_switch(steps, in);
  // The switch's own address, which this host answers for anyway: while it is there, so are the pods'.
  if (in.conf.proxy_arp)
    for (const ipam::RangeSet& set : in.conf.ipam.ranges)
      if (const auto& gateway = set.front().gateway)
        steps.push_back(plan::Neighbour{LinkRef{Where::host, in.conf.uplink->links.front()}, *gateway, {}, true});
  add_own_forwarding(steps, in);
  add_rules(steps, in, routed_text(in.conf) + tunnel_text(in));
  add_localnet(steps, in);
  add_prefixes(steps, in);
  add_allowed(steps, in);
  steps.push_back(plan::Elements{plan::Table::inet, "routed", {plan::Element{{in.conf.bridge}, {}}}});
  add_verdicts(steps, in, {"leave", "enter", "hairpin"});
  add_service_addresses(steps, in);
  add_gateway_guard(steps, in);
  add_service(steps, in);
  add_tunnel(steps, in);
  return {in.conf.bridge, std::move(steps)};
}

std::vector<plan::Step> routed_attachment(const AttachmentInput& in) {
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  add_publish(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  add_endpoint(steps, in);
  if (in.conf.proxy_arp)
    for (const plan::LeasedIp& ip : in.lease.ips)
      steps.push_back(plan::Neighbour{LinkRef{Where::host, in.conf.uplink->links.front()}, ip.cidr.ip, {}, true});
  add_guest_host(steps, in);
  return steps;
}

}  // namespace trestle::modes
