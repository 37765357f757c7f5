#include "modes/bridge.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/rules_text.h"
#include "modes/tunnel.h"
#include "modes/verdicts.h"

namespace trestle::modes {

namespace {

void add_uplink(std::vector<plan::Step>& steps, const SwitchInput& in) {
  const config::Uplink& uplink = *in.conf.uplink;
  net::IfName nic = uplink.links.front();
  if (in.facts.taken)
    steps.emplace_back(*in.facts.taken);  // before a bond: a NIC that goes down for it loses its routes
  if (!uplink.bond.empty()) {
    nic = net::bond_name(in.conf.bridge);
    steps.emplace_back(
        plan::Bond{nic, uplink.bond, uplink.links, bridge_mac(in.conf, in.facts), net::switch_group(in.state_dir)});
  }
  steps.emplace_back(plan::Uplink{nic, in.conf.bridge});
  if (!filters_vlans(in.conf)) return;
  plan::Vlans vlans{nic, false, std::nullopt, in.conf.vlan_trunk, true};
  if (in.conf.vlan) vlans.tagged.insert(vlans.tagged.begin(), plan::VlanRange{*in.conf.vlan, *in.conf.vlan});
  // VID 1 is the uplink's own, untagged: the host lives in it, and networks without a VLAN.
  std::erase_if(vlans.tagged, [](const plan::VlanRange& range) { return range.last <= 1; });
  for (plan::VlanRange& range : vlans.tagged) range.first = std::max<std::uint16_t>(range.first, 2);
  steps.emplace_back(std::move(vlans));
}

}  // namespace

net::Mac bridge_mac(const config::NetConf& conf, const plan::Facts& facts) {
  return facts.foreign ? *facts.foreign : facts.uplink_mac.value_or(net::switch_mac(conf.bridge));
}

plan::Shared bridge_shared(const SwitchInput& in) {
  if (!in.facts.foreign && !in.conf.uplink && !in.conf.overlay)
    throw base::Error(
        base::Code::bad_config,
        "network '" + in.conf.name +
            "': mode \"bridge\" needs \"uplink\" (the NIC on the LAN), or in \"bridge\" the name of a bridge that this "
            "host has already; " +
            in.conf.bridge.str() +
            " is one that trestle made for a network with an uplink: give this network the same");
  if (in.facts.foreign && in.conf.mtu && *in.conf.mtu != in.facts.mtu)
    throw base::Error(base::Code::bad_config,
                      "\"mtu\" " + std::to_string(*in.conf.mtu) + " is not that of bridge " + in.conf.bridge.str() +
                          " (" + std::to_string(in.facts.mtu) +
                          "), which is not ours to change, and would follow the least of its ports; leave \"mtu\" out, "
                          "or: ip link set " +
                          in.conf.bridge.str() + " mtu " + std::to_string(*in.conf.mtu));
  std::vector<plan::Step> steps;
  if (!in.facts.foreign) {
    add_bare_switch(steps, in, bridge_mac(in.conf, in.facts));
    if (in.conf.uplink) add_uplink(steps, in);
  }
  add_rules(steps, in, bridge_text(in.conf, bridge_mac(in.conf, in.facts)) + tunnel_text(in));
  add_apart(steps, in);
  add_tunnel(steps, in);
  return {in.conf.bridge, std::move(steps)};
}

std::vector<plan::Step> bridge_attachment(const AttachmentInput& in) {
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  add_endpoint(steps, in);
  return steps;
}

}  // namespace trestle::modes
