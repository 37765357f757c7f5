// A Step read back from a record. Records are ours and carry a checksum, so a fault here is Error{store}; still no byte of them may
// crash us (reliability.md 52).
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "plan/step_json.h"
#include "plan/step_json_service.h"
#include "plan/step_members.h"

namespace trestle::plan {

namespace {

using namespace members;

Field field(const std::string& word) {
  if (word.size() > 2 && word.front() == '"' && word.back() == '"')
    return net::IfName::parse(std::string_view(word).substr(1, word.size() - 2));
  if (word.find('/') != std::string::npos) return net::Cidr::parse(word);
  if (const auto ip = net::Ip::try_parse(word)) return *ip;
  return net::Mac::parse(word);
}

Element element(const Json& json) {
  Element out;
  for (const Json& part : array(json, "key")) out.key.push_back(field(item(part, "key")));
  if (json.contains("jump")) out.jump = string(json, "jump");
  return out;
}

Rules rules(const Json& json) {
  std::vector<std::string> lines;
  for (const Json& line : array(json, "text")) lines.push_back(item(line, "text"));
  return {string(json, "name"), base::join(lines, "\n")};
}

Route route(const Json& json) {
  Route out{link_ref(string(json, "dev")), net::Cidr::parse(string(json, "dst")), std::nullopt,
            maybe_number(json, "table"),   maybe_number(json, "metric"),          maybe_number(json, "mtu"),
            maybe_number(json, "advmss"),  maybe_number(json, "scope"),           maybe_number(json, "nexthop"),
            maybe_ip(json, "source")};
  if (json.contains("via")) out.via = net::Ip::parse(string(json, "via"));
  return out;
}

Elements elements(const Json& json) {
  Elements out{table(string(json, "table")), string(json, "set"), {}};
  for (const Json& part : array(json, "elements")) out.elements.push_back(element(part));
  return out;
}

Announce announce(const Json& json) {
  Announce out{net::IfName::parse(string(json, "link")), net::Mac::parse(string(json, "mac")), {}};
  for (const Json& ip : array(json, "addresses")) out.addresses.push_back(net::Ip::parse(item(ip, "addresses")));
  return out;
}

Bond bond(const Json& json) {
  Bond out{link_name(json, "link"),
           string(json, "mode"),
           {},
           net::Mac::parse(string(json, "mac")),
           number(json, "group"),
           maybe_number(json, "mtu").value_or(0)};
  for (const Json& member : array(json, "members")) out.members.push_back(net::IfName::parse(item(member, "members")));
  return out;
}

Vlans vlans(const Json& json) {
  Vlans out{link_name(json, "link"), flag(json, "self"), maybe_short(json, "pvid"), {}, flag(json, "keepDefault")};
  for (const Json& range : array(json, "tagged")) {
    if (!range.is_array() || range.size() != 2) bad("tagged");
    out.tagged.push_back({short_number(range[0], "tagged"), short_number(range[1], "tagged")});
  }
  return out;
}

TakeAddresses take_addresses(const Json& json) {
  TakeAddresses out{link_name(json, "nic"), link_name(json, "bridge"), {}, {}};
  for (const Json& address : array(json, "addresses"))
    out.addresses.push_back({net::Cidr::parse(string(address, "cidr")), number(address, "scope"),
                             maybe_ip(address, "broadcast"), number(address, "metric"), flag(address, "noPrefixRoute"),
                             flag(address, "deprecated"),
                             address.contains("alias") ? string(address, "alias") : std::string()});
  for (const Json& route : array(json, "routes"))
    out.routes.push_back({net::Cidr::parse(string(route, "dst")), maybe_ip(route, "via"), maybe_ip(route, "source"),
                          number(route, "table"), number(route, "metric"), number(route, "protocol"),
                          number(route, "scope"), flag(route, "onlink")});
  return out;
}

Publish publish(const Json& json) {
  Publish out;
  for (const Json& mapping : array(json, "mappings"))
    out.mappings.push_back({string(mapping, "proto"), maybe_ip(mapping, "hostIP"),
                            short_number(member(mapping, "hostPort"), "hostPort"),
                            net::Ip::parse(string(mapping, "addr")), short_number(member(mapping, "port"), "port")});
  return out;
}

Neighbour neighbour(const Json& json) {
  Neighbour out{link_ref(string(json, "link")), net::Ip::parse(string(json, "ip")), std::nullopt, flag(json, "proxy")};
  if (json.contains("mac")) out.mac = net::Mac::parse(string(json, "mac"));
  return out;
}

Rate rate(const Json& json, const char* key) {
  const Json& pair = array(json, key);
  if (pair.size() != 2 || !pair[0].is_number_unsigned() || !pair[1].is_number_unsigned()) bad(key);
  return {pair[0].get<std::uint64_t>(), pair[1].get<std::uint64_t>()};
}

Veth veth(const Json& json) {
  return {link_name(json, "host"),
          link_name(json, "pod"),
          net::Mac::parse(string(json, "hostMac")),
          net::Mac::parse(string(json, "podMac")),
          number(json, "mtu"),
          link_name(json, "master"),
          number(json, "group"),
          string(json, "alias")};
}

std::optional<PortFlags> port_was(const Json& json) {
  if (!json.contains("was")) return std::nullopt;
  PortFlags out{false, false, false};
  for (const Json& one : array(json, "was")) {
    const std::string word = item(one, "was");
    if (word == "hairpin")
      out.hairpin = true;
    else if (word == "isolated")
      out.isolated = true;
    else if (word == "learning")
      out.learning = true;
    else
      bad("was");
  }
  return out;
}

Fdb fdb(const Json& json) {
  return {link_name(json, "link"), net::Mac::parse(string(json, "mac")), maybe_ip(json, "dst"),
          maybe_short(json, "vlan"), flag(json, "everyVlan")};
}

std::optional<net::IfName> maybe_link(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(link_name(json, key)) : std::nullopt;
}

Vxlan vxlan(const Json& json) {
  return {link_name(json, "link"),
          maybe_link(json, "master"),
          number(json, "vni"),
          short_number(member(json, "port"), "port"),
          net::Ip::parse(string(json, "local")),
          maybe_ip(json, "multicast"),
          maybe_link(json, "underlay"),
          flag(json, "learning"),
          flag(json, "told"),
          flag(json, "isolated"),
          net::Mac::parse(string(json, "mac")),
          number(json, "mtu"),
          number(json, "group"),
          !flag(json, "noTxChecksum")};
}

Uplink uplink(const Json& json) { return {link_name(json, "nic"), link_name(json, "master")}; }

Tap tap(const Json& json) {
  return {link_name(json, "link"),  net::Mac::parse(string(json, "mac")),
          number(json, "owner"),    maybe_number(json, "group"),
          flag(json, "multiQueue"), number(json, "mtu"),
          string(json, "label"),    string(json, "alias")};
}

File file(const Json& json) { return {string(json, "path"), string(json, "text")}; }
Address address(const Json& json) { return {link_ref(string(json, "link")), net::Cidr::parse(string(json, "cidr"))}; }
Up up(const Json& json) { return {link_ref(string(json, "link")), !flag(json, "withoutIpv6")}; }
Redirect redirect(const Json& json) { return {link_name(json, "a"), link_name(json, "b")}; }

struct Reader {
  const char* kind;
  Step (*read)(const Json&);
};

constexpr Reader kReaders[] = {
    {"sysctl",
     [](const Json& j) -> Step {
       return Sysctl{where(string(j, "ns")), string(j, "key"), string(j, "value"), flag(j, "atLeast"),
                     j.contains("was") ? std::optional(string(j, "was")) : std::nullopt};
     }},
    {"file", [](const Json& j) -> Step { return file(j); }},
    {"bridge",
     [](const Json& j) -> Step {
       return Bridge{host_link(string(j, "link")), net::Mac::parse(string(j, "mac")), number(j, "mtu"),
                     number(j, "group"),           flag(j, "vlanFiltering"),          flag(j, "snooping")};
     }},
    {"veth", [](const Json& j) -> Step { return veth(j); }},
    {"up", [](const Json& j) -> Step { return up(j); }},
    {"port",
     [](const Json& j) -> Step {
       return Port{link_name(j, "link"), flag(j, "hairpin"), flag(j, "isolated"),
                   flag(j, "guard"),     flag(j, "locked"),  port_was(j)};
     }},
    {"address", [](const Json& j) -> Step { return address(j); }},
    {"route", [](const Json& j) -> Step { return route(j); }},
    {"rules", [](const Json& j) -> Step { return rules(j); }},
    {"elements", [](const Json& j) -> Step { return elements(j); }},
    {"announce", [](const Json& j) -> Step { return announce(j); }},
    {"fdb", [](const Json& j) -> Step { return fdb(j); }},
    {"bond", [](const Json& j) -> Step { return bond(j); }},
    {"uplink", [](const Json& j) -> Step { return uplink(j); }},
    {"tap", [](const Json& j) -> Step { return tap(j); }},
    {"redirect", [](const Json& j) -> Step { return redirect(j); }},
    {"vlans", [](const Json& j) -> Step { return vlans(j); }},
    {"takeAddresses", [](const Json& j) -> Step { return take_addresses(j); }},
    {"publish", [](const Json& j) -> Step { return publish(j); }},
    {"neighbour", [](const Json& j) -> Step { return neighbour(j); }},
    {"shape",
     [](const Json& j) -> Step {
       return Shape{link_name(j, "link"), link_name(j, "ifb"), rate(j, "ingress"), rate(j, "egress"),
                    number(j, "group"),   number(j, "mtu"),    string(j, "alias")};
     }},
    {"service", [](const Json& j) -> Step { return service_from_json(j); }},
    {"rule",
     [](const Json& j) -> Step {
       return Rule{where(string(j, "ns")), net::Cidr::parse(string(j, "from")), number(j, "table"),
                   number(j, "priority")};
     }},
    {"vxlan", [](const Json& j) -> Step { return vxlan(j); }},
    {"nexthop",
     [](const Json& j) -> Step {
       return Nexthop{number(j, "id"), link_name(j, "dev"), net::Ip::parse(string(j, "via"))};
     }},
    {"guestHost", [](const Json& j) -> Step { return guest_host_from_json(j); }},
};
static_assert(std::size(kReaders) == std::variant_size_v<Step>, "a Step that is written must be read back");

}  // namespace

Step step_from_json(const Json& json) {
  if (!json.is_object()) bad("shape");
  const std::string kind = string(json, "step");
  try {
    for (const Reader& reader : kReaders)
      if (kind == reader.kind) return reader.read(json);
  } catch (const base::Error& e) {
    if (e.code == base::Code::store) throw;
    bad(kind);
  }
  throw base::Error(base::Code::store, "record: unknown step '" + base::printable(kind) + "'; of a newer release");
}

std::vector<Step> steps_from_json(const Json& json) {
  if (!json.is_array()) bad("list");
  std::vector<Step> steps;
  for (const Json& step : json) steps.push_back(step_from_json(step));
  return steps;
}

}  // namespace trestle::plan
