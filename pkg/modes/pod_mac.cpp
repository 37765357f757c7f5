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
  return ips.empty() ? net::nic_mac(owner, nic) : net::pod_mac(conf.bridge, ips.front().cidr.ip);
}

}  // namespace trestle::modes
