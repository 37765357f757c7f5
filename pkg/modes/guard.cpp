#include "modes/guard.h"

#include <algorithm>
#include <iterator>

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Table;

namespace {

// As they stand in tables_text().
constexpr const char *kPorts = "ports", *kMacPorts = "macports", *kTrunkPorts = "trunkports", *kNoHost = "nohost",
                     *kMac = "mac", *kAddr4 = "addr4", *kAddr6 = "addr6", *kNet4 = "net4", *kNet6 = "net6",
                     *kTheirs6 = "theirs6";
constexpr std::string_view kGuard[] = {kPorts, kMacPorts, kTrunkPorts, kNoHost, kMac,
                                       kAddr4, kAddr6,    kNet4,       kNet6,   kTheirs6};
constexpr std::string_view kMark = "at-";      // + switch: see "Healing" in guard.h
constexpr std::string_view kApart = "apart-";  // + switch, as in rules_text.cpp: MACs in inet, ports in bridge

net::IfName port_of(const AttachmentInput& in) {
  if (in.conf.chained) return in.conf.chained->host_link;
  return net::host_link_name(in.owner, in.nic());
}

// What is checked is what is known: on a trunk MACs, without leases MACs and who may be a server, else addresses too.
const char* guarded_by(const AttachmentInput& in) {
  if (!in.conf.vlan_trunk.empty()) return kTrunkPorts;
  return in.lease.ips.empty() ? kMacPorts : kPorts;
}

}  // namespace

// Not a VM's, nor a TAP: its MAC may be behind two ports, and moves to the other with the guest's first frame there. An entry made by the second ADD
// drew the traffic from the guest, and its DEL left the first port locked to nobody.
// Nor one with `allowedMACs`: a VRRP pair has one MAC, which the second pod's entry took from the first, and none could take it over.
bool locks_port(const config::NetConf& conf) {
  return conf.spoof_check && conf.allowed_macs.empty() && conf.vm.empty() && !conf.tap;
}

bool is_of_attachments(plan::Table table, std::string_view set) {
  if (set.starts_with(kMark) || (table == Table::bridge && set.starts_with(kApart))) return true;
  return table == Table::bridge && std::find(std::begin(kGuard), std::end(kGuard), set) != std::end(kGuard);
}

namespace {

// With `portIsolation` on a switch that judges nothing else.
void keep_apart(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  const bool bridges = in.conf.mode == "bridge" || (in.conf.chained && in.conf.chained->bridge_mac);
  if (!in.conf.port_isolation || !bridges) return;
  const std::string set = std::string(kApart) + in.conf.bridge.str();
  Elements macs{Table::inet, set, {Element{{in.lease.mac}, {}}}};
  for (const net::Mac& allowed : in.conf.allowed_macs)
    if (allowed != in.lease.mac) macs.elements.push_back(Element{{allowed}, {}});
  steps.emplace_back(std::move(macs));
  steps.emplace_back(Elements{Table::bridge, set, {Element{{port_of(in)}, {}}}});
}

}  // namespace

void add_guard(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  const net::IfName port = port_of(in);
  const std::string mark = std::string(kMark) + in.conf.bridge.str();
  steps.emplace_back(Elements{Table::inet, mark, {Element{{port}, {}}}});
  steps.emplace_back(Elements{Table::bridge, mark, {Element{{port}, {}}}});
  keep_apart(steps, in);
  if (!in.conf.spoof_check) return;
  Elements mac{Table::bridge, kMac, {Element{{port, in.lease.mac}, {}}}};
  for (const net::Mac& allowed : in.conf.allowed_macs)
    if (allowed != in.lease.mac) mac.elements.push_back(Element{{port, allowed}, {}});
  Elements ip4{Table::bridge, kAddr4, {}}, ip6{Table::bridge, kAddr6, {}};
  Elements net4{Table::bridge, kNet4, {}}, net6{Table::bridge, kNet6, {}};
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
  // A router of the LAN may be known by its link-local address, and those are anybody's else.
  Elements theirs{Table::bridge, kTheirs6, {}};
  for (const plan::LeasedIp& lease : in.lease.ips)
    if (lease.gateway && lease.gateway->family == net::Family::v6 && lease.gateway->is_link_local())
      theirs.elements.push_back(Element{{port, *lease.gateway}, {}});
  for (Elements* set : {&ip4, &ip6, &net4, &net6, &theirs})
    if (!set->elements.empty()) steps.emplace_back(std::move(*set));
  steps.emplace_back(Elements{Table::bridge, guarded_by(in), {Element{{port}, {}}}});
}

void keep_from_host(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  steps.emplace_back(Elements{Table::bridge, kNoHost, {Element{{port_of(in)}, {}}}});
}

}  // namespace trestle::modes
