#include "modes/pod_mac.h"

#include "net/names.h"

namespace trestle::modes {

std::optional<net::VmNic> vm_nic(const config::NetConf& conf, const net::IfName& nic) {
  if (conf.vm.empty()) return std::nullopt;
  return net::VmNic{conf.vm, nic.str()};
}

net::Mac pod_mac(const config::NetConf& conf, const net::Owner& owner, const net::IfName& nic,
                 const std::vector<plan::LeasedIp>& ips) {
  if (conf.requested_mac) return *conf.requested_mac;
  if (const auto vm = vm_nic(conf, nic)) return net::vm_mac(conf.bridge, *vm);
  if (ips.empty()) return net::nic_mac(owner, nic);
  const net::Ip& first = ips.front().cidr.ip;
  return conf.vlan_trunk.empty() ? net::pod_mac(conf.bridge, first) : net::trunk_mac(conf.bridge, first);
}

}  // namespace trestle::modes
