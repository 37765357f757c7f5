#include "plan/step_json.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/plan.h"
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
            return Json{{"step", "bridge"},
                        {"link", "host:" + s.link.str()},
                        {"mac", s.mac.str()},
                        {"mtu", s.mtu},
                        {"group", s.group}};
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
            return Json{{"step", "port"},
                        {"link", s.link.str()},
                        {"hairpin", s.hairpin},
                        {"isolated", s.isolated},
                        {"guard", s.guard}};
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
      },
      step);
}

Json to_json(const std::vector<Step>& steps) {
  Json json = Json::array();
  for (const Step& step : steps) json.push_back(to_json(step));
  return json;
}

}  // namespace trestle::plan
