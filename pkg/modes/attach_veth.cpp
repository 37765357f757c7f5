#include "modes/attach_veth.h"

#include <algorithm>

#include "modes/attach_tap.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/publish.h"
#include "modes/shaping.h"
#include "modes/source_routing.h"
#include "net/alias.h"

namespace trestle::modes {

using plan::LinkRef;
using plan::Step;
using plan::Sysctl;
using plan::Where;

namespace {

net::IfName host_link(const AttachmentInput& in) { return net::host_link_name(in.owner, in.nic()); }

const plan::LeasedIp* of_family(const plan::Lease& lease, net::Family family) {
  for (const plan::LeasedIp& ip : lease.ips)
    if (ip.cidr.ip.family == family) return &ip;
  return nullptr;
}

// One with a priority is a way beside the pod's own.
bool is_default(const cni::ResultRoute& route) { return route.dst.length == 0 && !route.table && !route.priority; }

bool contains(const std::vector<net::Family>& all, net::Family family) {
  return std::find(all.begin(), all.end(), family) != all.end();
}

// Has another NIC the pod's default route of that family? What the configuration asks for in so many words the kernel refuses then.
bool leaves_default(const config::NetConf& conf, net::Family family, const std::vector<net::Family>& pod_default) {
  if (conf.mode == "isolated" && conf.ipam.delegate) return true;  // leads nowhere, whatever its IPAM thinks
  if (contains(conf.default_elsewhere, family) || (conf.ipam.delegate && conf.default_route == false)) return true;
  if (!contains(pod_default, family) || conf.default_route) return false;
  return conf.ipam.delegate || std::none_of(conf.ipam.routes.begin(), conf.ipam.routes.end(), [&](const auto& route) {
           return is_default(route) && route.dst.ip.family == family;
         });
}

}  // namespace

void add_veth(std::vector<Step>& steps, const AttachmentInput& in) {
  const net::IfName pod = in.nic();
  const net::IfName host = host_link(in);
  const plan::Veth veth{host,
                        pod,
                        net::host_side_mac(in.lease.mac),
                        in.lease.mac,
                        mtu(in.conf, in.facts),
                        in.conf.bridge,
                        net::link_group(in.state_dir, in.owner.network),
                        net::link_alias(in.owner, in.nic())};
  steps.emplace_back(veth);
  steps.emplace_back(
      plan::Port{host, in.conf.hairpin || needs_hairpin(in.conf), in.conf.port_isolation, true, locks_port(in.conf)});
  if (filters_vlans(in.conf))  // before the FDB: an entry is made for each VLAN that the port has then
    steps.emplace_back(plan::Vlans{host, false, in.conf.vlan, in.conf.vlan_trunk, in.conf.preserve_default_vlan});
  // On a trunk in each of its VLANs: with the untagged one's alone the lock dropped every tagged frame. So where a bridge that is not ours says
  // which VLAN the port is in: CHECK looked in none.
  const bool trunk = !in.conf.vlan_trunk.empty(), each = trunk || (!in.conf.vlan && in.facts.foreign_filters);
  if (locks_port(in.conf))
    steps.emplace_back(plan::Fdb{host, in.lease.mac, {}, trunk ? std::nullopt : in.conf.vlan, each});
  add_shape(steps, in.conf, veth);
  if (in.conf.tap) return add_tap(steps, in);
  const std::string conf = "net/ipv6/conf/" + pod.str() + "/";
  // A delegate's addresses come when the link is up already.
  const bool ipv6 = of_family(in.lease, net::Family::v6) || (in.conf.ipam.delegate && in.facts.ipv6);
  if (ipv6) {
    steps.emplace_back(
        Sysctl{Where::pod, conf + "disable_ipv6", "0"});  // a runtime may have switched it off for new links
    steps.emplace_back(
        Sysctl{Where::pod, conf + "accept_ra", "0"});  // the gateway is known; no waiting for, no believing others
  } else if (in.facts.ipv6 && in.conf.mode == "bridge" && !in.lease.ips.empty()) {
    // The LAN's router gave it an address and a way out that the guard drops: whatever prefers IPv6 hung.
    steps.emplace_back(Sysctl{Where::pod, conf + "accept_ra", "0"});
  }
  if (in.conf.source_table && of_family(in.lease, net::Family::v4)) steps.emplace_back(own_arp_alone(pod));
  steps.emplace_back(plan::Up{LinkRef{Where::host, host}});
  // Without an IPv6 address the pod stays silent there: the solicitations of a thousand pods that nobody answers, each flooded to a
  // thousand ports, made every ADD on a full switch three times as slow.
  // One without any address of ours looks after IPv6 itself: it asks for a router, and for a lease.
  steps.emplace_back(plan::Up{LinkRef{Where::pod, pod}, !in.facts.ipv6 || ipv6 || in.lease.ips.empty()});
}

bool tells_gateway(const config::NetConf& conf) { return conf.mode != "isolated"; }

std::vector<cni::ResultRoute> routes(const config::NetConf& conf, const plan::Lease& lease,
                                     const std::vector<net::Family>& pod_default) {
  std::vector<cni::ResultRoute> out;
  for (cni::ResultRoute route : conf.ipam.routes) {
    const plan::LeasedIp* ip = of_family(lease, route.dst.ip.family);
    if (!ip || (is_default(route) && leaves_default(conf, route.dst.ip.family, pod_default))) continue;
    if (!route.gw && tells_gateway(conf)) route.gw = ip->gateway;
    out.push_back(route);
  }
  // On the LAN, and where there is nothing beyond, nobody but the configuration knows of a router.
  const bool wanted = conf.mode == "nat" || conf.mode == "routed" ? conf.default_route.value_or(true)
                                                                  : conf.default_route.value_or(false);
  if (!wanted) return out;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const plan::LeasedIp* ip = of_family(lease, family);
    if (!ip || !ip->gateway || leaves_default(conf, family, pod_default)) continue;
    const net::Cidr any{net::Ip{family, 0}, 0};
    if (std::any_of(out.begin(), out.end(), [&](const cni::ResultRoute& r) { return r.dst == any && !r.table; }))
      continue;
    out.push_back(cni::ResultRoute{any, ip->gateway, {}, {}, {}, {}, {}});
  }
  return out;
}

// An announcement is flooded to every port of the switch, and each pod's stack works on it: on a full one it was half of an ADD. It tells
// nothing where all neighbours are pods of ours and have only ever seen the MAC that follows from the address. A LAN has others on it.
bool is_news(const AttachmentInput& in, const plan::LeasedIp& ip) {
  return in.conf.mode == "bridge" || (&ip == &in.lease.ips.front() ? in.lease.news : in.lease.further_news);
}

void add_addresses(std::vector<Step>& steps, const AttachmentInput& in) {
  if (in.conf.tap) return;  // the guest has them
  const LinkRef pod{Where::pod, in.nic()};
  plan::Announce announce{pod.name, in.lease.mac, {}};
  for (const plan::LeasedIp& ip : in.lease.ips) {
    steps.emplace_back(plan::Address{pod, ip.cidr});
    if (is_news(in, ip)) announce.addresses.push_back(ip.cidr.ip);
  }
  for (const plan::LeasedIp& ip : in.lease.ips)  // a gateway beyond the subnet is reached on-link
    if (tells_gateway(in.conf) && ip.gateway && !ip.cidr.contains(*ip.gateway))
      steps.emplace_back(plan::Route{pod, net::Cidr::host(*ip.gateway), std::nullopt, {}, {}, {}, {}, {}});
  for (const cni::ResultRoute& route : routes(in.conf, in.lease, in.pod_default))
    steps.emplace_back(
        plan::Route{pod, route.dst, route.gw, route.table, route.priority, route.mtu, route.advmss, route.scope});
  add_source_routing(steps, in);
  // A second pod of a VM must not draw the traffic while the guest still runs in the first. Its MAC and address stay as its neighbours know them.
  if (!in.lease.ips.empty() && in.conf.vm.empty()) steps.emplace_back(std::move(announce));
}

cni::Result veth_result(const AttachmentInput& in, const net::Mac& bridge_mac) {
  const std::uint32_t size = mtu(in.conf, in.facts);
  cni::Result result;
  result.interfaces = {
      {in.conf.bridge.str(), bridge_mac.str(), size, "", "", ""},
      {host_link(in).str(), net::host_side_mac(in.lease.mac).str(), size, "", "", ""},
      {in.nic().str(), in.lease.mac.str(), size, in.netns, "", ""},
  };
  for (const plan::LeasedIp& ip : in.lease.ips)
    result.ips.push_back({ip.cidr, tells_gateway(in.conf) ? ip.gateway : std::nullopt, 2});
  if (in.conf.tap) add_tap_result(result, in);
  result.routes = routes(in.conf, in.lease, in.pod_default);
  result.dns = in.conf.dns;
  return result;
}

}  // namespace trestle::modes
