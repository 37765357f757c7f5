#include "modes/rules_text.h"

#include "modes/guest_services.h"
#include "modes/tunnel.h"

namespace trestle::modes {

namespace {

constexpr const char* kReject =
    "  meta l4proto tcp reject with tcp reset\n"
    "  reject with icmpx admin-prohibited\n";

// What every switch has: a set that it is in itself, and the sets in which its attachments leave their mark.
constexpr const char* kMarks = R"(table inet
set if-$ ifname
set at-$ ifname
)";
constexpr const char* kBridgeMarks = R"(table bridge
set at-$ ifname
)";
// Of the pods that are apart there: MACs and ports. Whether this configuration keeps them apart or not: pods of an earlier one are in them.
constexpr const char* kApart = "set apart-$ ether_addr\n";
constexpr const char* kApartPorts = "set apart-$ ifname\n";
constexpr const char* kNetworks = R"(set net4-$ ipv4_addr interval
set net6-$ ipv6_addr interval
)";
// What `allowedAddresses` adds to them.
constexpr const char* kAllowed = R"(set also4-$ ipv4_addr interval
set also6-$ ipv6_addr interval
)";
constexpr const char* kUplink = "set up-$ ifname\n";

constexpr const char* kBridged = "0x54520000";  // see around()

constexpr const char* kReplies = "  ct state established,related return\n";

// Every '$' becomes the switch's name.
std::string named(std::string text, const net::IfName& bridge) {
  for (std::size_t at = 0; (at = text.find('$', at)) != std::string::npos; at += bridge.str().size())
    text.replace(at, 1, bridge.str());
  return text;
}

// With `portIsolation` a pod does not reach its neighbours through the host either: what comes back to its own switch is refused as any
// other switch is.
std::string own_switch(const config::NetConf& conf) { return conf.port_isolation ? "" : "  oifname @if-$ return\n"; }

// Nor, on a network over many nodes, through the tunnel.
std::string not_to_own(const config::NetConf& conf) {
  if (!conf.port_isolation) return "";
  return "  oifname @if-$ meta l4proto tcp reject with tcp reset\n  oifname @if-$ reject with icmpx admin-prohibited\n";
}

std::string other_switches() {
  return "  oifname @switches meta l4proto tcp reject with tcp reset\n"
         "  oifname @switches reject with icmpx admin-prohibited\n";
}

// A pod that reaches itself or a neighbour by a published port must be answered through the host, not past it: it is masqueraded. By what is
// published, not by `ct status dnat` alone, which other hands' services have too; by its address, not by `iifname`, which br_netfilter
// leaves empty when it bridges what was translated. Whether this configuration publishes or not: of a network that has another one which does, the rules were emptied by a pod of this one.
constexpr const char* kOwnPorts =
    "chain hairpin-$\n"
    "  ip saddr 127.0.0.0/8 masquerade\n"
    "  ip saddr @net4-$ ct status dnat ip daddr . meta l4proto . th dport @target4 masquerade\n"
    "  ip6 saddr @net6-$ ct status dnat ip6 daddr . meta l4proto . th dport @target6 masquerade\n";

std::string only_by_uplink(const config::NetConf& conf, const std::string& direction) {
  if (!conf.uplink) return "";
  return "  " + direction + " != @up-$ meta l4proto tcp reject with tcp reset\n  " + direction +
         " != @up-$ reject with icmpx admin-prohibited\n";
}

// With `portIsolation`, where the switch judges nothing else: what the host itself leads back to it is refused. br_netfilter brings bridged frames
// by here too, and no address tells the two apart: the host takes what is sent to the bridge's MAC, which changes with its ports, and to the MAC of
// any port (a pod reached its neighbours by that of its own host end). So what is bridged from these pods is marked, in a field that no route asks
// for (not by a class that a queue has; a veth hands frames over with 0, whatever the pod had set), and what comes from one of their MACs without
// the mark was led by the host. The other rule is for pods without `spoofCheck`, whose MAC may be any.
std::string around(const config::NetConf& conf, const net::Mac& mac) {
  if (!conf.port_isolation) return "";
  std::string text = "chain leave-$\n" + std::string(kReplies) + "  ct status dnat return\n";
  for (const std::string& back :
       {std::string("ether saddr @apart-$ meta priority != ") + kBridged, "ether daddr " + mac.str()})
    text += "  oifname @if-$ " + back + " meta l4proto tcp reject with tcp reset\n  oifname @if-$ " + back +
            " reject with icmpx admin-prohibited\n";
  return text;
}

std::string mark_bridged(const config::NetConf& conf) {
  if (!conf.port_isolation) return "";
  return "chain bridged-$ filter forward -300\n  iifname @apart-$ meta priority set " + std::string(kBridged) + "\n";
}

// Empty when nothing leads there: a later configuration may fill or empty it.
std::string input_chain(const config::NetConf& conf) {
  const config::HostAccess& access = conf.host_access;
  std::string text = service_sets(conf) + "chain input-$\n";
  if (access.all) return text;
  text += kReplies;
  for (const char* type : {"nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit", "mld-listener-report",
                           "mld-listener-done", "mld2-listener-report"})
    text += "  icmpv6 type " + std::string(type) + " return\n";
  for (const config::PortRef& port : access.ports)
    text += "  " + port.protocol + " dport " + std::to_string(port.port) + " return\n";
  return text + service_input(conf) + kReject;
}

}  // namespace

std::string nat_text(const config::NetConf& conf) {
  std::string text = std::string(kMarks) + kNetworks + (conf.uplink ? kUplink : "") + direct_sets(conf);
  text += "chain leave-$\n" + own_switch(conf) + kReplies;
  text += "  ct state invalid drop\n";  // conntrack does not translate it: it would leave with the pod's own address
  text += "  ct status dnat return\n" + not_to_own(conf) + other_switches() + to_direct(conf) +
          only_by_uplink(conf, "oifname");
  text += "chain enter-$\n  iifname @if-$ return\n";  // what a pod sends back to its switch was judged when it left
  text += std::string(kReplies) + "  ct status dnat return\n" + from_direct(conf) + kReject;
  text += kOwnPorts;
  text += "chain masq-$\n  oifname @if-$ return\n" + to_direct(conf);
  text += R"(  ip daddr 224.0.0.0/4 return
  ip daddr 255.255.255.255 return
  ip daddr @net4-$ return
  ip6 daddr ff00::/8 return
  ip6 daddr @net6-$ return
  meta l4proto tcp masquerade to :1024-65535
  meta l4proto udp masquerade to :1024-65535
  masquerade
)";
  return named(text + input_chain(conf) + kBridgeMarks, conf.bridge);
}

std::string routed_text(const config::NetConf& conf) {
  std::string text = std::string(kMarks) + kNetworks + kAllowed + (conf.uplink ? kUplink : "") + direct_sets(conf);
  text += "chain leave-$\n" + own_switch(conf);
  text += "  ip saddr != @net4-$ ip saddr != @also4-$ drop\n  ip6 saddr != @net6-$ ip6 saddr != @also6-$ drop\n";
  text += kReplies;
  // On a segment over many nodes what a pod answers may have come by another one: the router knows one way to the subnet, and nothing is translated.
  if (!conf.overlay || conf.overlay->layer == 3) text += "  ct state invalid drop\n";
  text += "  ct status dnat return\n" + not_to_own(conf) + "  oifname @routed return\n" + other_switches() +
          to_direct(conf) + only_by_uplink(conf, "oifname");
  text += "chain enter-$\n  iifname @if-$ return\n" + std::string(kReplies) +
          "  ct status dnat return\n  iifname @routed return\n";
  text +=
      "  iifname @switches meta l4proto tcp reject with tcp reset\n  iifname @switches reject with icmpx "
      "admin-prohibited\n";
  text += from_direct(conf) + only_by_uplink(conf, "iifname");
  text += kOwnPorts;
  return named(text + input_chain(conf) + kBridgeMarks, conf.bridge);
}

std::string isolated_text(const config::NetConf& conf) {
  std::string text = kMarks;
  // Bridged frames come by here where br_netfilter is on. A reset for what was translated goes out with the address it was translated to.
  text += "chain leave-$\n" + own_switch(conf) + "  ct status dnat reject with icmpx admin-prohibited\n" + kReject;
  text += "chain enter-$\n  iifname @if-$ return\n" + std::string(kReject);
  return named(text + input_chain(conf) + service_output(conf) + kBridgeMarks, conf.bridge);
}

std::string bridge_text(const config::NetConf& conf, const net::Mac& mac) {
  return named(std::string(kMarks) + kApart + around(conf, mac) + kBridgeMarks + kApartPorts + mark_bridged(conf),
               conf.bridge);
}

std::string chained_text(const config::NetConf& conf) {
  const auto& mac = conf.chained->bridge_mac;
  const std::string apart = mac ? around(conf, *mac) : "", marked = mac ? kApartPorts + mark_bridged(conf) : "";
  return named(std::string(kMarks) + kApart + kNetworks + apart + kOwnPorts + kBridgeMarks + marked, conf.bridge);
}

}  // namespace trestle::modes
