#include "modes/guard.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Table;

void add_guard(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  const net::IfName port = net::host_link_name(in.owner, net::IfName::parse(in.owner.ifname));
  const std::string mark = "at-" + in.conf.bridge.str();
  steps.push_back(Elements{Table::inet, mark, {Element{{port}, {}}}});
  steps.push_back(Elements{Table::bridge, mark, {Element{{port}, {}}}});
  if (!in.conf.spoof_check) return;
  Elements ip4{Table::bridge, "addr4", {}};
  Elements ip6{Table::bridge, "addr6", {}};
  for (const plan::LeasedIp& lease : in.lease.ips)
    (lease.cidr.ip.family == net::Family::v4 ? ip4 : ip6).elements.push_back(Element{{port, lease.cidr.ip}, {}});
  steps.push_back(Elements{Table::bridge, "mac", {Element{{port, in.lease.mac}, {}}}});
  if (!ip4.elements.empty()) steps.emplace_back(std::move(ip4));
  if (!ip6.elements.empty()) steps.emplace_back(std::move(ip6));
  steps.push_back(Elements{Table::bridge, "ports", {Element{{port}, {}}}});
}

plan::Step guard_gateway(const net::Mac& bridge) {
  return Elements{Table::bridge, "gateways", {Element{{net::link_local(bridge)}, {}}}};
}

}  // namespace trestle::modes
