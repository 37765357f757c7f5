#include "app/spare_host.h"

#include "kernel/address.h"

namespace trestle::app {

void spare_host(Session& session, config::NetConf& conf) {
  const auto in_lan = [](const config::NetConf& nic) {
    return (nic.mode == "bridge" || nic.proxy_arp) && !nic.ipam.ranges.empty();
  };
  std::vector<net::Cidr> held;
  const auto spare = [&](config::NetConf& nic) {
    if (!in_lan(nic)) return;
    if (held.empty()) held = kernel::addresses(session.context().route(), 0);
    for (ipam::RangeSet& set : nic.ipam.ranges)
      for (ipam::Range& range : set)
        for (const net::Cidr& one : held)
          if (range.subnet.contains(one.ip)) range.exclude.push_back(net::Cidr::host(one.ip));
  };
  spare(conf);
  for (config::NetConf& nic : conf.more) spare(nic);
}

}  // namespace trestle::app
