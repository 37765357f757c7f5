#include "base/text.h"
#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::plan {

std::string text(const LinkRef& link) { return text(link.where) + ":" + link.name.str(); }

std::string text(Where where) { return where == Where::host ? "host" : "pod"; }

std::string text(Table table) { return table == Table::inet ? "inet" : "bridge"; }

std::string text(const Field& field) {
  return std::visit(Overloaded{
                        [](const net::IfName& name) { return '"' + name.str() + '"'; },
                        [](const net::Mac& mac) { return mac.str(); },
                        [](const net::Ip& ip) { return ip.str(); },
                        [](const net::Cidr& cidr) { return cidr.str(); },
                    },
                    field);
}

std::string element_text(const Element& element) {
  std::string out;
  for (const Field& field : element.key) out += (out.empty() ? "" : " . ") + text(field);
  if (!element.jump.empty()) out += " : jump " + element.jump;
  return out;
}

namespace {

std::string number(const char* word, const std::optional<std::uint32_t>& value) {
  return value ? std::string(" ") + word + " " + std::to_string(*value) : std::string();
}

std::string port_flags(const Port& port) {
  std::vector<std::string> on;
  if (port.hairpin) on.emplace_back("hairpin");
  if (port.isolated) on.emplace_back("isolated");
  if (port.guard) on.emplace_back("guard");
  if (port.locked) on.emplace_back("locked");
  return on.empty() ? "no flags" : base::join(on, " ");
}

std::string all(const std::vector<Element>& elements) {
  std::vector<std::string> parts;
  for (const Element& element : elements) parts.push_back(element_text(element));
  return base::join(parts, ", ");
}

std::string all(const std::vector<net::Ip>& addresses) {
  std::vector<std::string> parts;
  for (const net::Ip& ip : addresses) parts.push_back(ip.str());
  return base::join(parts, ", ");
}

std::string all(const std::vector<net::IfName>& links) {
  std::vector<std::string> parts;
  for (const net::IfName& link : links) parts.push_back(link.str());
  return base::join(parts, ", ");
}

std::string vlans(const Vlans& s) {
  std::vector<std::string> parts;
  if (s.pvid) parts.push_back("VLAN " + std::to_string(*s.pvid) + " untagged");
  for (const VlanRange& range : s.tagged)
    parts.push_back("VLAN " + std::to_string(range.first) +
                    (range.last == range.first ? "" : "-" + std::to_string(range.last)) + " tagged");
  if (s.keep_default) parts.emplace_back("the default VLAN");
  return parts.empty() ? "no VLAN" : base::join(parts, ", ");
}

std::string taken(const TakeAddresses& s) {
  std::vector<std::string> parts;
  for (const TakenAddress& address : s.addresses) parts.push_back(address.cidr.str());
  return "addresses " + base::join(parts, ", ") + " and " + std::to_string(s.routes.size()) + " routes";
}

// The pod's address in brackets where a port follows: "[fd88::2]:80".
std::string with_port(const net::Ip& ip, std::uint16_t port) {
  return (ip.family == net::Family::v6 ? "[" + ip.str() + "]" : ip.str()) + ":" + std::to_string(port);
}

std::string all(const std::vector<Mapping>& mappings) {
  std::vector<std::string> parts;
  for (const Mapping& m : mappings)
    parts.push_back((m.host_ip ? with_port(*m.host_ip, m.host_port) : std::to_string(m.host_port)) + "/" + m.protocol +
                    " -> " + with_port(m.address, m.port));
  return base::join(parts, ", ");
}

std::string rate(const char* word, const Rate& rate) {
  return rate.rate == 0 ? ""
                        : word + std::to_string(rate.rate) + " bit/s (burst " + std::to_string(rate.burst) + " bit)";
}

}  // namespace

std::string describe(const Step& step) {
  return std::visit(
      Overloaded{
          [](const Sysctl& s) { return text(s.where) + ": sysctl " + s.key + (s.at_least ? " >= " : " = ") + s.value; },
          [](const File& s) { return "host: file " + s.path; },
          [](const Bridge& s) {
            return "host:" + s.link.str() + ": bridge, MAC " + s.mac.str() + ", MTU " + std::to_string(s.mtu) +
                   (s.vlan_filtering ? ", filters VLANs" : "") + (s.snooping ? ", snoops multicast" : "");
          },
          [](const Veth& s) {
            return "host:" + s.host.str() + ": veth to pod:" + s.pod.str() + ", MAC " + s.pod_mac.str() + ", MTU " +
                   std::to_string(s.mtu) + ", port of " + s.master.str();
          },
          [](const Up& s) { return text(s.link) + (s.ipv6 ? ": up" : ": up, without IPv6"); },
          [](const Port& s) { return "host:" + s.link.str() + ": port, " + port_flags(s); },
          [](const Address& s) { return text(s.link) + ": address " + s.cidr.str(); },
          [](const Route& s) {
            return text(s.dev) + ": route " + s.dst.str() + number("nexthop", s.nexthop) +
                   (s.via       ? " via " + s.via->str()
                    : s.nexthop ? std::string()
                                : std::string(" on-link")) +
                   (s.source ? " from " + s.source->str() : "") + number("table", s.table) +
                   number("metric", s.metric) + number("mtu", s.mtu) + number("advmss", s.advmss) +
                   number("scope", s.scope);
          },
          [](const Rules& s) {
            return s.name == "tables" ? std::string("host: nftables tables that all switches share")
                                      : "host: nftables chains and sets of switch " + s.name;
          },
          [](const Elements& s) { return "host: elements of " + text(s.table) + " " + s.set + ": " + all(s.elements); },
          [](const Announce& s) {
            if (s.addresses.empty()) return "pod:" + s.link.str() + ": carrier, nothing to announce";
            return "pod:" + s.link.str() + ": announce " + all(s.addresses) + " at " + s.mac.str();
          },
          [](const Fdb& s) {
            if (s.dst) return "host:" + s.link.str() + ": " + s.mac.str() + " is at " + s.dst->str();
            return "host:" + s.link.str() + ": static FDB entry " + s.mac.str() +
                   (s.vlan         ? " in VLAN " + std::to_string(*s.vlan)
                    : s.every_vlan ? " in each of its VLANs"
                                   : "");
          },
          [](const Bond& s) {
            return "host:" + s.link.str() + ": bond, " + s.mode + " of " + all(s.members) + ", MAC " + s.mac.str() +
                   (s.mtu != 0 ? ", MTU " + std::to_string(s.mtu) : "");
          },
          [](const Uplink& s) { return "host:" + s.nic.str() + ": uplink of " + s.master.str(); },
          [](const Vlans& s) { return "host:" + s.link.str() + (s.self ? ": itself in " : ": in ") + vlans(s); },
          [](const TakeAddresses& s) { return "host:" + s.nic.str() + ": " + taken(s) + " move to " + s.bridge.str(); },
          [](const Publish& s) { return "host: published " + all(s.mappings); },
          [](const Neighbour& s) {
            return text(s.link) + (s.proxy ? ": proxy for " : ": neighbour ") + s.ip.str() +
                   (s.mac ? " at " + s.mac->str() : "");
          },
          [](const Shape& s) {
            return "host:" + s.link.str() + ": bandwidth" + rate(" in ", s.ingress) + rate(" out ", s.egress) +
                   (s.egress.rate ? " by " + s.ifb.str() : "");
          },
          [](const Tap& s) {
            return "pod:" + s.link.str() + ": tap, owner " + std::to_string(s.owner) +
                   (s.group ? ", group " + std::to_string(*s.group) : "") + (s.multi_queue ? ", multi-queue" : "") +
                   ", MTU " + std::to_string(s.mtu);
          },
          [](const Redirect& s) { return "pod:" + s.a.str() + ": redirect to and from pod:" + s.b.str(); },
          [](const Service& s) {
            return "host:" + s.link.str() + ": guest services (" + s.offers + "), dnsmasq in " + s.directory;
          },
          [](const Rule& s) {
            return text(s.where) + ": rule from " + s.from.str() + " to table " + std::to_string(s.table) +
                   " priority " + std::to_string(s.priority);
          },
          [](const Vxlan& s) {
            return "host:" + s.link.str() + ": VXLAN " + std::to_string(s.vni) + " port " + std::to_string(s.port) +
                   " from " + s.local.str() + (s.multicast ? ", group " + s.multicast->str() : "") + ", MAC " +
                   s.mac.str() + ", MTU " + std::to_string(s.mtu) + (s.master ? ", port of " + s.master->str() : "") +
                   (s.tx_checksum ? "" : ", no checksum offload");
          },
          [](const Nexthop& s) {
            return "host:" + s.dev.str() + ": nexthop " + std::to_string(s.id) + " via " + s.via.str();
          },
          [](const GuestHost& s) {
            return "host: guest " + s.mac.str() + " has " + all(s.addresses) + " in " + s.directory;
          },
      },
      step);
}

}  // namespace trestle::plan
