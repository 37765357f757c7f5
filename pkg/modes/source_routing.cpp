#include "modes/source_routing.h"

#include <algorithm>

#include "modes/attach_veth.h"
#include "plan/plan.h"

namespace trestle::modes {

using plan::Where;

namespace {

constexpr std::uint32_t kPriority = 1000;  // before the main table (32766), behind the local one (0)
constexpr const char* kLinkLocal = "fe80::/64";

// The routes of one table, each destination once.
class TableOf {
 public:
  TableOf(std::vector<plan::Step>& steps, const Sourced& of) : steps_(steps), of_(of) {}

  void put(const net::Cidr& dst, const std::optional<net::Ip>& via, const cni::ResultRoute& as = {}) {
    const plan::Route route{{Where::pod, of_.nic}, dst, via, of_.table, as.priority, as.mtu, as.advmss, as.scope};
    if (std::ranges::any_of(put_, [&](const plan::Route& other) {
          return other.dst == dst && plan::metric_of(other) == plan::metric_of(route);
        }))
      return;
    put_.push_back(route);
    steps_.emplace_back(route);
  }

 private:
  std::vector<plan::Step>& steps_;
  const Sourced& of_;
  std::vector<plan::Route> put_;
};

bool has_family(const Sourced& of, net::Family family) {
  return std::ranges::any_of(of.ips, [&](const plan::LeasedIp& ip) { return ip.cidr.ip.family == family; });
}

}  // namespace

void add_source_table(std::vector<plan::Step>& steps, const Sourced& of) {
  TableOf table(steps, of);
  for (const plan::LeasedIp& ip : of.ips) {
    if (ip.cidr.length < ip.cidr.ip.bits()) table.put(ip.cidr.network(), std::nullopt);
    if (ip.cidr.ip.family == net::Family::v6) table.put(net::Cidr::parse(kLinkLocal), std::nullopt);
    if (ip.gateway && !ip.cidr.contains(*ip.gateway)) table.put(net::Cidr::host(*ip.gateway), std::nullopt);
  }
  for (const cni::ResultRoute& route : of.routes)
    if (!route.table && has_family(of, route.dst.ip.family)) table.put(route.dst, route.gw, route);
  // On a LAN too: if anybody there leads to whoever asks from beyond, it is the gateway.
  for (const plan::LeasedIp& ip : of.ips)
    if (ip.gateway) table.put({net::Ip{ip.cidr.ip.family, 0}, 0}, ip.gateway);
  for (const plan::LeasedIp& ip : of.ips)
    steps.emplace_back(plan::Rule{Where::pod, net::Cidr::host(ip.cidr.ip), of.table, kPriority});
}

void add_source_routing(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  if (!in.conf.source_table || in.lease.ips.empty()) return;
  Sourced of{in.nic(), *in.conf.source_table, in.lease.ips, in.conf.ipam.routes};
  const bool beyond = tells_gateway(in.conf);
  for (cni::ResultRoute& route : of.routes) {
    const auto ip = std::ranges::find_if(
        of.ips, [&](const plan::LeasedIp& one) { return one.cidr.ip.family == route.dst.ip.family; });
    if (beyond && !route.gw && ip != of.ips.end()) route.gw = ip->gateway;
  }
  if (!beyond)
    for (plan::LeasedIp& ip : of.ips) ip.gateway.reset();
  add_source_table(steps, of);
}

plan::Sysctl own_arp_alone(const net::IfName& nic) {
  return {Where::pod, "net/ipv4/conf/" + nic.str() + "/arp_ignore", "1", true};
}

}  // namespace trestle::modes
