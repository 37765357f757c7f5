#include "modes/gateway.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace trestle::modes {

using plan::LinkRef;
using plan::Step;
using plan::Sysctl;
using plan::Where;

std::uint32_t mtu(const config::NetConf& conf, const plan::Facts& facts) { return conf.mtu.value_or(facts.mtu); }

bool has_family(const config::NetConf& conf, net::Family family) {
  return std::any_of(conf.ipam.ranges.begin(), conf.ipam.ranges.end(),
                     [&](const ipam::RangeSet& set) { return set.front().subnet.ip.family == family; });
}

namespace {

constexpr std::uint32_t kLeastIpv6 = 1280;  // RFC 8200

// Every range's network once, in order.
std::vector<net::Cidr> networks(const config::NetConf& conf) {
  std::vector<net::Cidr> out;
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    for (const ipam::Range& range : set)
      if (std::find(out.begin(), out.end(), range.subnet) == out.end()) out.push_back(range.subnet);
  return out;
}

plan::File drop_in(const net::IfName& bridge, const std::vector<Step>& steps) {
  plan::File file = drop_in_mark(bridge);
  for (const Step& step : steps)
    if (const auto* s = std::get_if<Sysctl>(&step)) file.text += s->key + " = " + s->value + "\n";
  // The text's hash is in the name: networks on one switch may need different lines.
  file.path += base::hex(base::hash64(file.text), 8) + ".conf";
  return file;
}

}  // namespace

plan::File drop_in_mark(const net::IfName& bridge) {
  return {"/run/sysctl.d/90-trestle-" + bridge.str() + "-",
          "# Made by trestle for switch " + bridge.str() + "; removed with it.\n"};
}

void add_forwarding(std::vector<Step>& steps, const SwitchInput& in) {
  std::vector<Step> sysctls;
  if (has_family(in.conf, net::Family::v4)) sysctls.emplace_back(Sysctl{Where::host, "net/ipv4/ip_forward", "1"});
  if (has_family(in.conf, net::Family::v6)) {
    for (const net::IfName& link : in.facts.ra_links)
      sysctls.emplace_back(Sysctl{Where::host, "net/ipv6/conf/" + link.str() + "/accept_ra", "2", true});
    sysctls.emplace_back(Sysctl{Where::host, "net/ipv6/conf/all/forwarding", "1"});
  }
  const plan::File file = drop_in(in.conf.bridge, sysctls);
  steps.insert(steps.end(), sysctls.begin(), sysctls.end());
  steps.emplace_back(file);
}

void add_own_forwarding(std::vector<Step>& steps, const SwitchInput& in) {
  if (has_family(in.conf, net::Family::v4))
    steps.emplace_back(Sysctl{Where::host, "net/ipv4/conf/" + in.conf.bridge.str() + "/forwarding", "1"});
}

bool filters_vlans(const config::NetConf& conf) { return conf.vlan || !conf.vlan_trunk.empty(); }

namespace {

bool goes_beyond_node(const config::NetConf& conf) {
  return conf.mode == "bridge" || (conf.overlay && conf.overlay->layer == 2);
}

}  // namespace

void add_bare_switch(std::vector<Step>& steps, const SwitchInput& in, const net::Mac& mac) {
  const net::IfName& bridge = in.conf.bridge;
  steps.emplace_back(plan::Bridge{bridge, mac, mtu(in.conf, in.facts), net::switch_group(in.state_dir),
                                  filters_vlans(in.conf), goes_beyond_node(in.conf)});
  // With takeAddresses the host lives on the switch, with the addresses that it had.
  const bool host_on_it = in.facts.taken.has_value();
  if (in.facts.ipv6 && mtu(in.conf, in.facts) >= kLeastIpv6) {
    const std::string conf = "net/ipv6/conf/" + bridge.str() + "/";
    steps.emplace_back(Sysctl{Where::host, conf + "accept_ra", "0"});
    if (!host_on_it) steps.emplace_back(Sysctl{Where::host, conf + "disable_ipv6", "1"});
  }
  steps.emplace_back(plan::Up{LinkRef{Where::host, bridge}, host_on_it || !in.facts.ipv6});
}

void add_gateway_switch(std::vector<Step>& steps, const SwitchInput& in) {
  const net::IfName& bridge = in.conf.bridge;
  const LinkRef link{Where::host, bridge};
  steps.emplace_back(plan::Bridge{bridge, net::switch_mac(bridge), mtu(in.conf, in.facts),
                                  net::switch_group(in.state_dir), filters_vlans(in.conf), goes_beyond_node(in.conf)});
  if (in.conf.vlan) steps.emplace_back(plan::Vlans{bridge, true, in.conf.vlan, {}, false});
  const bool has_v6 = has_family(in.conf, net::Family::v6);
  if (has_v6 && mtu(in.conf, in.facts) < kLeastIpv6)
    throw base::Error(base::Code::bad_config,
                      "network '" + in.conf.name + "': the MTU " + std::to_string(mtu(in.conf, in.facts)) +
                          " (of the switch or of the default route's device) is less than 1280, the least that IPv6 "
                          "works with; give \"mtu\", or no IPv6 subnet");
  if (in.facts.ipv6 &&
      mtu(in.conf, in.facts) >= kLeastIpv6) {  // below it the kernel takes IPv6 off the link, and its keys away
    const std::string conf = "net/ipv6/conf/" + bridge.str() + "/";
    steps.emplace_back(
        Sysctl{Where::host, conf + "accept_ra", "0"});  // a new bridge believes any pod's advertisement: default 1
    if (has_v6) {
      // The host asks for pods from its link-local address: what it forwards to them waited for that address's DAD, up to 2 s.
      steps.emplace_back(Sysctl{Where::host, conf + "accept_dad", "0"});
      steps.emplace_back(Sysctl{Where::host, conf + "disable_ipv6", "0"});
    }
  }
  std::vector<Step> routes;
  std::vector<plan::Address> addresses;
  for (const ipam::RangeSet& set : in.conf.ipam.ranges)
    for (const ipam::Range& range : set) {
      // What the host sends by itself has the first one that was made, in IPv6 the longest prefix.
      if (range.node && range.node->family == net::Family::v4)
        addresses.insert(addresses.begin(), plan::Address{link, {*range.node, range.subnet.length}});
      if (range.node && range.node->family == net::Family::v6)
        addresses.push_back(plan::Address{link, net::Cidr::host(*range.node)});
      if (!range.gateway) continue;
      const bool inside = range.subnet.contains(*range.gateway);
      const plan::Address address{
          link, inside ? net::Cidr{*range.gateway, range.subnet.length} : net::Cidr::host(*range.gateway)};
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
      if (!inside) routes.emplace_back(plan::Route{link, range.subnet, std::nullopt, {}, {}, {}, {}, {}});
    }
  // The kernel makes this one by itself when the switch goes up, and never again: flushed, it was missed by nobody but the pods, which the host
  // asks for from it.
  if (has_v6 && in.facts.ipv6) addresses.push_back({link, {net::link_local(net::switch_mac(bridge)), 64}});
  steps.insert(steps.end(), addresses.begin(), addresses.end());
  steps.emplace_back(plan::Up{link});
  for (Step& route : routes)
    if (std::find(steps.begin(), steps.end(), route) == steps.end()) steps.push_back(std::move(route));
}

void add_prefixes(std::vector<Step>& steps, const SwitchInput& in) {
  plan::Elements v4{plan::Table::inet, "net4-" + in.conf.bridge.str(), {}};
  plan::Elements v6{plan::Table::inet, "net6-" + in.conf.bridge.str(), {}};
  for (const net::Cidr& network : networks(in.conf))
    (network.ip.family == net::Family::v4 ? v4 : v6).elements.push_back(plan::Element{{network}, {}});
  if (!v4.elements.empty()) steps.emplace_back(std::move(v4));
  if (!v6.elements.empty()) steps.emplace_back(std::move(v6));
}

}  // namespace trestle::modes
