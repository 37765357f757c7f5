#include "config/check.h"

#include <algorithm>

#include "base/error.h"
#include "config/overlay_conf.h"

namespace trestle::config {

using base::Code;
using base::Error;
using cni::Field;

namespace {

bool routes(const NetConf& conf) { return conf.mode == "nat" || conf.mode == "routed"; }

void refuse_key(const Field& conf, const char* key, const std::string& why) {
  if (const auto field = conf.find(key)) field->refuse(why);
}

// Behind another plugin they made a network of its own of it, which then asked for subnets.
void check_own_network(const Field& conf, const NetConf& out) {
  if (!out.prev_result || conf.find("mode") || out.ipam.delegate || !out.ipam.ranges.empty() || out.overlay) return;
  for (const char* key : {"vlan", "vlanTrunk", "preserveDefaultVlan", "hostAccess", "proxyArp", "defaultRoute", "mtu"})
    if (const auto field = conf.find_any(key))
      field->refuse(
          "is for a network of trestle's own, and this configuration stands behind another plugin, whose interface it "
          "adds to: say it to that plugin, or give \"mode\" and \"subnets\" for a network of its own");
}

void check_gateways(const NetConf& conf) {
  if (conf.ipam.delegate) return;  // its gateways are known when it has answered
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    for (const ipam::Range& range : set)
      if (!range.gateway)
        throw Error(
            Code::bad_config,
            "mode \"" + conf.mode + "\" needs a gateway: " + range.subnet.str() +
                " has no room for one; add \"gateway\" (outside of it, as \"169.254.1.1\") or take a larger subnet");
  const bool by_node = conf.overlay && conf.overlay->layer == 3 && is_listed(*conf.overlay);
  if (conf.ipam.ranges.empty() && !by_node)  // else the list of peers has our subnets
    throw Error(Code::bad_config, "mode \"" + conf.mode +
                                      "\" needs addresses for its pods: add \"subnets\": [\"10.88.0.0/16\", "
                                      "\"fd88::/64\"] or an \"ipam\" with ranges");
}

void check_addresses(const NetConf& conf) {
  if (routes(conf)) check_gateways(conf);
  if (conf.ipam.delegate || !conf.ipam.ranges.empty() || conf.mode == "chained" || conf.overlay) return;
  if (!conf.requested_ips.empty())
    throw Error(Code::bad_config,
                "an address is requested (" + conf.requested_ips.front().str() + "), but the network has none to give");
  if (!conf.port_mappings.empty())
    throw Error(Code::bad_config, "a port is published, but the network has no address to lead it to");
}

void check_uplink(const Field& conf, const NetConf& out) {
  if (out.mode == "isolated")
    refuse_key(conf, "uplink", "an isolated network has no way outside; leave \"uplink\" out, or take another mode");
  if (!out.uplink) return;
  const Field uplink = conf.at("uplink");
  if (out.uplink->take_addresses && out.mode != "bridge")
    uplink.refuse("\"takeAddresses\" is for mode \"bridge\": in mode \"" + out.mode + "\" the NIC keeps its addresses");
  if (routes(out) && out.uplink->links.size() > 1)
    uplink.refuse("mode \"" + out.mode + "\" leaves by one NIC: name one, or a bond that exists");
  if (std::find(out.uplink->links.begin(), out.uplink->links.end(), out.bridge) != out.uplink->links.end())
    uplink.refuse("\"" + out.bridge.str() + "\" is the switch itself");
}

void check_vlans(const Field& conf, const NetConf& out) {
  for (const plan::VlanRange& range : out.vlan_trunk)
    if (out.vlan && range.first <= *out.vlan && *out.vlan <= range.last)
      conf.at("vlanTrunk")
          .refuse("VLAN " + std::to_string(*out.vlan) + " cannot be tagged and be \"vlan\" (untagged) too");
  if (routes(out))
    refuse_key(conf, "vlanTrunk",
               "mode \"" + out.mode + "\" has a gateway in one VLAN: a trunk is for \"bridge\" and \"isolated\"");
}

void check_publishing(const Field& conf, const NetConf& out) {
  if (out.port_mappings.empty() || routes(out) || out.mode == "chained") return;
  const char* const why =
      out.mode == "isolated"
          ? "an isolated network cannot be reached from outside; publish ports on another mode"
          : "pods in mode \"bridge\" are reached at their own address on the LAN; publish ports on \"nat\" or "
            "\"routed\"";
  conf.at("runtimeConfig").at("portMappings").refuse(why);
}

}  // namespace

void check_together(const Field& conf, const NetConf& out) {
  check_own_network(conf, out);
  check_addresses(out);
  check_uplink(conf, out);
  check_vlans(conf, out);
  check_publishing(conf, out);
  check_overlay(conf, out);
  if (out.ipam.node_range && !out.overlay && !out.ipam.node_range->index)
    conf.at("ipam")
        .at("nodeRange")
        .refuse("needs an \"index\": without \"overlay\" there is no list that has this node's place");
  if (out.mode == "bridge")
    refuse_key(conf, "hostAccess",
               "in mode \"bridge\" the host is reached as any other on the LAN; use the host's own firewall");
  if (out.proxy_arp && out.mode != "routed")
    conf.at("proxyArp")
        .refuse("is for mode \"routed\", whose pods have addresses of the LAN; this is mode \"" + out.mode + "\"");
  if (out.proxy_arp && !out.uplink)
    conf.at("proxyArp").refuse("needs \"uplink\": the NIC on whose LAN to answer for the pods");
  if (out.tap && out.ipam.delegate && out.ipam.delegate->type == "dhcp")
    conf.at("ipam").refuse(
        "behind a TAP the guest itself asks the LAN's DHCP server, and gets the answers that the plugin waits for; "
        "leave "
        "\"ipam\" out");
  if (out.default_route == true && out.mode == "isolated")
    conf.at("defaultRoute").refuse("an isolated network leads nowhere; leave it out, or take another mode");
  if (out.source_routing == true && out.tap)
    conf.at("sourceRouting")
        .refuse(
            "is for addresses in the pod, and behind a TAP the guest has them: it routes by what DHCP and RA tell it");
  if (out.source_routing == true && out.mode == "chained")
    conf.at("sourceRouting")
        .refuse("addresses and routes are those of the plugin that made the interface; chain \"sbr\" for it");
  if (!out.spoof_check && (!out.allowed_macs.empty() || !out.allowed_addresses.empty()))
    throw Error(Code::bad_config, "allowedMACs and allowedAddresses widen spoofCheck, which is off: leave them out");
}

}  // namespace trestle::config
