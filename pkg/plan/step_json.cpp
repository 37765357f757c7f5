#include "plan/step_json.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/plan.h"
#include "plan/step_json_service.h"
#include "plan/step_text.h"

namespace trestle::plan {

namespace {

using Json = nlohmann::json;

void put(Json& json, const char* key, const std::optional<std::uint32_t>& value) {
  if (value) json[key] = *value;
}

Json to_json(const Element& element) {
  Json key = Json::array();
  for (const Field& field : element.key) key.push_back(text(field));
  if (element.jump.empty()) return {{"key", std::move(key)}};
  return {{"key", std::move(key)}, {"jump", element.jump}};
}

Json to_json(const Mapping& mapping) {
  Json json = {{"proto", mapping.protocol},
               {"hostPort", mapping.host_port},
               {"addr", mapping.address.str()},
               {"port", mapping.port}};
  if (mapping.host_ip) json["hostIP"] = mapping.host_ip->str();
  return json;
}

Json to_json(const TakeAddresses& take) {
  Json addresses = Json::array(), routes = Json::array();
  for (const TakenAddress& address : take.addresses) {
    Json json = {{"cidr", address.cidr.str()},
                 {"scope", address.scope},
                 {"metric", address.metric},
                 {"noPrefixRoute", address.no_prefix_route}};
    if (address.broadcast) json["broadcast"] = address.broadcast->str();
    addresses.push_back(std::move(json));
  }
  for (const TakenRoute& route : take.routes) {
    Json json = {{"dst", route.dst.str()},     {"table", route.table}, {"metric", route.metric},
                 {"protocol", route.protocol}, {"scope", route.scope}, {"onlink", route.onlink}};
    if (route.via) json["via"] = route.via->str();
    if (route.source) json["source"] = route.source->str();
    routes.push_back(std::move(json));
  }
  return {{"step", "takeAddresses"},
          {"nic", take.nic.str()},
          {"bridge", take.bridge.str()},
          {"addresses", std::move(addresses)},
          {"routes", std::move(routes)}};
}

}  // namespace

Json to_json(const Step& step) {
  return std::visit(
      Overloaded{
          [](const Sysctl& s) {
            Json json = {{"step", "sysctl"}, {"ns", text(s.where)}, {"key", s.key}, {"value", s.value}};
            if (s.at_least) json["atLeast"] = true;
            return json;
          },
          [](const File& s) {
            return Json{{"step", "file"}, {"path", s.path}, {"text", s.text}};
          },
          [](const Bridge& s) {
            return Json{{"step", "bridge"}, {"link", "host:" + s.link.str()},   {"mac", s.mac.str()}, {"mtu", s.mtu},
                        {"group", s.group}, {"vlanFiltering", s.vlan_filtering}};
          },
          [](const Veth& s) {
            return Json{{"step", "veth"},
                        {"host", s.host.str()},
                        {"pod", s.pod.str()},
                        {"hostMac", s.host_mac.str()},
                        {"podMac", s.pod_mac.str()},
                        {"mtu", s.mtu},
                        {"master", s.master.str()},
                        {"group", s.group},
                        {"alias", s.alias}};
          },
          [](const Up& s) {
            Json json = {{"step", "up"}, {"link", text(s.link)}};
            if (!s.ipv6) json["withoutIpv6"] = true;
            return json;
          },
          [](const Port& s) {
            Json json = {{"step", "port"},         {"link", s.link.str()}, {"hairpin", s.hairpin},
                         {"isolated", s.isolated}, {"guard", s.guard},     {"locked", s.locked}};
            if (s.hairpin_was) json["hairpinWas"] = true;
            return json;
          },
          [](const Address& s) {
            return Json{{"step", "address"}, {"link", text(s.link)}, {"cidr", s.cidr.str()}};
          },
          [](const Route& s) {
            Json json = {{"step", "route"}, {"dev", text(s.dev)}, {"dst", s.dst.str()}};
            if (s.via) json["via"] = s.via->str();
            put(json, "table", s.table);
            put(json, "metric", s.metric);
            put(json, "mtu", s.mtu);
            put(json, "advmss", s.advmss);
            put(json, "scope", s.scope);
            put(json, "nexthop", s.nexthop);
            if (s.source) json["source"] = s.source->str();
            return json;
          },
          [](const Rules& s) {
            Json lines = Json::array();
            for (const std::string& line : base::split(s.text, '\n')) lines.push_back(line);
            return Json{{"step", "rules"}, {"name", s.name}, {"text", std::move(lines)}};
          },
          [](const Elements& s) {
            Json elements = Json::array();
            for (const Element& element : s.elements) elements.push_back(to_json(element));
            return Json{
                {"step", "elements"}, {"table", text(s.table)}, {"set", s.set}, {"elements", std::move(elements)}};
          },
          [](const Announce& s) {
            Json addresses = Json::array();
            for (const net::Ip& ip : s.addresses) addresses.push_back(ip.str());
            return Json{{"step", "announce"},
                        {"link", s.link.str()},
                        {"mac", s.mac.str()},
                        {"addresses", std::move(addresses)}};
          },
          [](const Fdb& s) {
            Json json = {{"step", "fdb"}, {"link", s.link.str()}, {"mac", s.mac.str()}};
            if (s.dst) json["dst"] = s.dst->str();
            if (s.vlan) json["vlan"] = *s.vlan;
            return json;
          },
          [](const Bond& s) {
            Json members = Json::array();
            for (const net::IfName& member : s.members) members.push_back(member.str());
            return Json{{"step", "bond"},     {"link", s.link.str()}, {"mode", s.mode}, {"members", std::move(members)},
                        {"mac", s.mac.str()}, {"group", s.group}};
          },
          [](const Uplink& s) {
            return Json{{"step", "uplink"}, {"nic", s.nic.str()}, {"master", s.master.str()}};
          },
          [](const Vlans& s) {
            Json json = {{"step", "vlans"}, {"link", s.link.str()}, {"self", s.self}, {"keepDefault", s.keep_default}};
            if (s.pvid) json["pvid"] = *s.pvid;
            json["tagged"] = Json::array();
            for (const VlanRange& range : s.tagged) json["tagged"].push_back({range.first, range.last});
            return json;
          },
          [](const TakeAddresses& s) { return to_json(s); },
          [](const Publish& s) {
            Json mappings = Json::array();
            for (const Mapping& mapping : s.mappings) mappings.push_back(to_json(mapping));
            return Json{{"step", "publish"}, {"mappings", std::move(mappings)}};
          },
          [](const Neighbour& s) {
            Json json = {{"step", "neighbour"}, {"link", text(s.link)}, {"ip", s.ip.str()}, {"proxy", s.proxy}};
            if (s.mac) json["mac"] = s.mac->str();
            return json;
          },
          [](const Shape& s) {
            return Json{{"step", "shape"},
                        {"link", s.link.str()},
                        {"ifb", s.ifb.str()},
                        {"ingress", {s.ingress.rate, s.ingress.burst}},
                        {"egress", {s.egress.rate, s.egress.burst}},
                        {"group", s.group},
                        {"mtu", s.mtu},
                        {"alias", s.alias}};
          },
          [](const Tap& s) {
            Json json = {{"step", "tap"},
                         {"link", s.link.str()},
                         {"mac", s.mac.str()},
                         {"owner", s.owner},
                         {"multiQueue", s.multi_queue},
                         {"mtu", s.mtu},
                         {"label", s.label},
                         {"alias", s.alias}};
            put(json, "group", s.group);
            return json;
          },
          [](const Redirect& s) {
            return Json{{"step", "redirect"}, {"a", s.a.str()}, {"b", s.b.str()}};
          },
          [](const Service& s) { return service_json(s); },
          [](const Rule& s) {
            return Json{{"step", "rule"},
                        {"ns", text(s.where)},
                        {"from", s.from.str()},
                        {"table", s.table},
                        {"priority", s.priority}};
          },
          [](const Vxlan& s) {
            Json json = {{"step", "vxlan"}, {"link", s.link.str()},   {"vni", s.vni},
                         {"port", s.port},  {"local", s.local.str()}, {"learning", s.learning},
                         {"told", s.told},  {"isolated", s.isolated}, {"mac", s.mac.str()},
                         {"mtu", s.mtu},    {"group", s.group}};
            if (s.master) json["master"] = s.master->str();
            if (s.multicast) json["multicast"] = s.multicast->str();
            if (s.underlay) json["underlay"] = s.underlay->str();
            if (!s.tx_checksum) json["noTxChecksum"] = true;
            return json;
          },
          [](const Nexthop& s) {
            return Json{{"step", "nexthop"}, {"id", s.id}, {"dev", s.dev.str()}, {"via", s.via.str()}};
          },
          [](const GuestHost& s) { return guest_host_json(s); },
      },
      step);
}

Json to_json(const std::vector<Step>& steps) {
  Json json = Json::array();
  for (const Step& step : steps) json.push_back(to_json(step));
  return json;
}

}  // namespace trestle::plan
