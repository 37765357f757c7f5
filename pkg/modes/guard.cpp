#include "modes/guard.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Table;

namespace {

net::IfName port_of(const AttachmentInput& in) {
  return net::host_link_name(in.owner, net::IfName::parse(in.owner.ifname));
}

// What is checked is what is known: on a trunk MACs, without leases MACs and who may be a server, else addresses too.
const char* guarded_by(const AttachmentInput& in) {
  if (!in.conf.vlan_trunk.empty()) return "trunkports";
  return in.lease.ips.empty() ? "macports" : "ports";
}

}  // namespace

bool locks_port(const config::NetConf& conf) { return conf.spoof_check; }

void add_guard(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  const net::IfName port = port_of(in);
  const std::string mark = "at-" + in.conf.bridge.str();
  steps.push_back(Elements{Table::inet, mark, {Element{{port}, {}}}});
  steps.push_back(Elements{Table::bridge, mark, {Element{{port}, {}}}});
  if (!in.conf.spoof_check) return;
  Elements mac{Table::bridge, "mac", {Element{{port, in.lease.mac}, {}}}};
  for (const net::Mac& allowed : in.conf.allowed_macs)
    if (allowed != in.lease.mac) mac.elements.push_back(Element{{port, allowed}, {}});
  Elements ip4{Table::bridge, "addr4", {}}, ip6{Table::bridge, "addr6", {}};
  Elements net4{Table::bridge, "net4", {}}, net6{Table::bridge, "net6", {}};
  const auto allow = [&](const net::Cidr& cidr) {
    const bool v4 = cidr.ip.family == net::Family::v4;
    if (cidr.length < cidr.ip.bits())
      (v4 ? net4 : net6).elements.push_back(Element{{port, cidr}, {}});
    else
      (v4 ? ip4 : ip6).elements.push_back(Element{{port, cidr.ip}, {}});
  };
  if (!in.lease.ips.empty()) {
    for (const plan::LeasedIp& lease : in.lease.ips) allow(net::Cidr::host(lease.cidr.ip));
    for (const net::Cidr& cidr : in.conf.allowed_addresses) allow(cidr);
  }
  steps.emplace_back(std::move(mac));
  for (Elements* set : {&ip4, &ip6, &net4, &net6})
    if (!set->elements.empty()) steps.emplace_back(std::move(*set));
  steps.push_back(Elements{Table::bridge, guarded_by(in), {Element{{port}, {}}}});
}

void keep_from_host(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  steps.push_back(Elements{Table::bridge, "nohost", {Element{{port_of(in)}, {}}}});
}

}  // namespace trestle::modes
