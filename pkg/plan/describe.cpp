#include "base/hash.h"
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

}  // namespace

std::string describe(const Step& step) {
  return std::visit(
      Overloaded{
          [](const Sysctl& s) { return text(s.where) + ": sysctl " + s.key + (s.at_least ? " >= " : " = ") + s.value; },
          [](const File& s) { return "host: file " + s.path; },
          [](const Bridge& s) {
            return "host:" + s.link.str() + ": bridge, MAC " + s.mac.str() + ", MTU " + std::to_string(s.mtu);
          },
          [](const Veth& s) {
            return "host:" + s.host.str() + ": veth to pod:" + s.pod.str() + ", MAC " + s.pod_mac.str() + ", MTU " +
                   std::to_string(s.mtu) + ", port of " + s.master.str();
          },
          [](const Up& s) { return text(s.link) + (s.ipv6 ? ": up" : ": up, without IPv6"); },
          [](const Port& s) { return "host:" + s.link.str() + ": port, " + port_flags(s); },
          [](const Address& s) { return text(s.link) + ": address " + s.cidr.str(); },
          [](const Route& s) {
            return text(s.dev) + ": route " + s.dst.str() + (s.via ? " via " + s.via->str() : std::string(" on-link")) +
                   number("table", s.table) + number("metric", s.metric) + number("mtu", s.mtu) +
                   number("advmss", s.advmss) + number("scope", s.scope);
          },
          [](const Rules& s) {
            return s.name == "tables" ? std::string("host: nftables tables that all switches share")
                                      : "host: nftables chains and sets of switch " + s.name;
          },
          [](const Elements& s) { return "host: elements of " + text(s.table) + " " + s.set + ": " + all(s.elements); },
          [](const Announce& s) {
            return "pod:" + s.link.str() + ": announce " + all(s.addresses) + " at " + s.mac.str();
          },
      },
      step);
}

std::string object_key(const Step& step) {
  return std::visit(Overloaded{
                        [](const Sysctl& s) { return text(s.where) + " sysctl " + s.key; },
                        [](const File& s) { return "file " + s.path; },
                        [](const Bridge& s) { return "link host:" + s.link.str(); },
                        [](const Veth& s) { return "link host:" + s.host.str(); },
                        [](const Up& s) { return "up " + text(s.link); },
                        [](const Port& s) { return "port " + s.link.str(); },
                        [](const Address& s) { return "address " + text(s.link) + " " + s.cidr.str(); },
                        [](const Route& s) {
                          return "route " + text(s.dev) + " " + s.dst.str() + number("table", s.table) +
                                 number("metric", s.metric);
                        },
                        [](const Rules& s) { return "rules " + s.name; },
                        [](const Elements& s) { return "elements " + text(s.table) + " " + s.set; },
                        [](const Announce& s) { return "announce " + s.link.str(); },
                    },
                    step);
}

namespace {

// What describe() leaves out of a Step.
std::string rest(const Step& step) {
  if (const auto* file = std::get_if<File>(&step)) return file->text;
  if (const auto* rules = std::get_if<Rules>(&step)) return rules->text;
  if (const auto* bridge = std::get_if<Bridge>(&step)) return std::to_string(bridge->group);
  if (const auto* veth = std::get_if<Veth>(&step))
    return veth->host_mac.str() + std::to_string(veth->group) + veth->alias;
  return {};
}

}  // namespace

// Not over the JSON: building that cost an ADD 0.1 ms, and every ADD asks.
std::string digest(const std::vector<Step>& steps) {
  std::string all;
  for (const Step& step : steps) all += describe(step) + '\n' + rest(step) + '\n';
  return base::hex(base::hash64(all), 16);
}

}  // namespace trestle::plan
