#include "modes/source_routing.h"

#include <algorithm>

#include "modes/attach_veth.h"
#include "plan/plan.h"

namespace trestle::modes {

using plan::LinkRef;
using plan::Where;

namespace {

constexpr std::uint32_t kPriority = 1000;  // before the main table (32766), behind the local one (0)
constexpr const char* kLinkLocal = "fe80::/64";

// The routes of one table, each destination once.
class TableOf {
 public:
  TableOf(std::vector<plan::Step>& steps, const AttachmentInput& in)
      : steps_(steps), dev_{Where::pod, in.nic()}, table_(*in.conf.source_table) {}

  void put(const net::Cidr& dst, const std::optional<net::Ip>& via, const cni::ResultRoute& as = {}) {
    const plan::Route route{dev_, dst, via, table_, as.priority, as.mtu, as.advmss, as.scope};
    if (std::ranges::any_of(put_, [&](const plan::Route& other) {
          return other.dst == dst && plan::metric_of(other) == plan::metric_of(route);
        }))
      return;
    put_.push_back(route);
    steps_.emplace_back(route);
  }

 private:
  std::vector<plan::Step>& steps_;
  LinkRef dev_;
  std::uint32_t table_;
  std::vector<plan::Route> put_;
};

}  // namespace

void add_source_routing(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  if (!in.conf.source_table || in.lease.ips.empty()) return;
  TableOf table(steps, in);
  for (const plan::LeasedIp& ip : in.lease.ips) {
    if (ip.cidr.length < ip.cidr.ip.bits()) table.put(ip.cidr.network(), std::nullopt);
    if (ip.cidr.ip.family == net::Family::v6) table.put(net::Cidr::parse(kLinkLocal), std::nullopt);
    if (tells_gateway(in.conf) && ip.gateway && !ip.cidr.contains(*ip.gateway))
      table.put(net::Cidr::host(*ip.gateway), std::nullopt);
  }
  for (cni::ResultRoute route : in.conf.ipam.routes)
    for (const plan::LeasedIp& ip : in.lease.ips) {
      if (route.table || ip.cidr.ip.family != route.dst.ip.family) continue;
      if (!route.gw && tells_gateway(in.conf)) route.gw = ip.gateway;
      table.put(route.dst, route.gw, route);
      break;
    }
  // On a LAN too: if anybody there leads to whoever asks from beyond, it is the gateway.
  for (const plan::LeasedIp& ip : in.lease.ips)
    if (tells_gateway(in.conf) && ip.gateway) table.put({net::Ip{ip.cidr.ip.family, 0}, 0}, ip.gateway);
  for (const plan::LeasedIp& ip : in.lease.ips)
    steps.emplace_back(plan::Rule{Where::pod, net::Cidr::host(ip.cidr.ip), *in.conf.source_table, kPriority});
}

}  // namespace trestle::modes
