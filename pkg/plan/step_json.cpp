#include "plan/step_json.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/json_writer.h"
#include "plan/plan.h"
#include "plan/step_json_service.h"
#include "plan/step_text.h"

namespace trestle::plan {

namespace {

using Json = nlohmann::json;

template <class N>
void put(JsonObject& json, const char* key, const std::optional<N>& value) {
  if (value) json(key, *value);
}

void put(std::string& out, const Element& element) {
  JsonObject json(out);
  json.list("key", element.key, [](std::string& to, const Field& field) { append_json_text(to, text(field)); });
  if (!element.jump.empty()) json("jump", element.jump);
}

void put(std::string& out, const Mapping& mapping) {
  JsonObject json(out);
  json("proto", mapping.protocol)("hostPort", mapping.host_port)("addr", mapping.address.str())("port", mapping.port);
  if (mapping.host_ip) json("hostIP", mapping.host_ip->str());
}

void put(std::string& out, const TakenAddress& address) {
  JsonObject json(out);
  json("cidr", address.cidr.str())("scope", address.scope)("metric", address.metric)("noPrefixRoute",
                                                                                     address.no_prefix_route);
  if (address.broadcast) json("broadcast", address.broadcast->str());
  if (address.deprecated) json("deprecated", true);
  if (!address.alias.empty()) json("alias", address.alias);
}

void put(std::string& out, const TakenRoute& route) {
  JsonObject json(out);
  json("dst", route.dst.str())("table", route.table)("metric", route.metric)("protocol", route.protocol)(
      "scope", route.scope)("onlink", route.onlink);
  if (route.via) json("via", route.via->str());
  if (route.source) json("source", route.source->str());
}

std::vector<std::string> port_flags(const PortFlags& flags) {
  std::vector<std::string> words;
  if (flags.hairpin) words.emplace_back("hairpin");
  if (flags.isolated) words.emplace_back("isolated");
  if (flags.learning) words.emplace_back("learning");
  return words;
}

std::string two(std::uint64_t first, std::uint64_t second) {
  return "[" + std::to_string(first) + "," + std::to_string(second) + "]";
}

void put(std::string& out, const Step& step);

constexpr auto kPut = [](std::string& out, const auto& one) { put(out, one); };
constexpr auto kWord = [](std::string& out, const std::string& one) { append_json_text(out, one); };
constexpr auto kStr = [](std::string& out, const auto& one) { append_json_text(out, one.str()); };

void put(std::string& out, const Step& step) {
  JsonObject json(out);
  const auto begin = [&](const char* kind) -> JsonObject& { return json("step", kind); };
  std::visit(
      Overloaded{
          [&](const Sysctl& s) {
            begin("sysctl")("ns", text(s.where))("key", s.key)("value", s.value);
            if (s.at_least) json("atLeast", true);
            if (s.was) json("was", *s.was);
          },
          [&](const File& s) { begin("file")("path", s.path)("text", s.text); },
          [&](const Bridge& s) {
            begin("bridge")("link", "host:" + s.link.str())("mac", s.mac.str())("mtu", s.mtu)("group", s.group)(
                "vlanFiltering", s.vlan_filtering);
            if (s.snooping) json("snooping", true);
          },
          [&](const Veth& s) {
            begin("veth")("host", s.host.str())("pod", s.pod.str())("hostMac", s.host_mac.str())(
                "podMac", s.pod_mac.str())("mtu", s.mtu)("master", s.master.str())("group", s.group)("alias", s.alias);
          },
          [&](const Up& s) {
            begin("up")("link", text(s.link));
            if (!s.ipv6) json("withoutIpv6", true);
          },
          [&](const Port& s) {
            begin("port")("link", s.link.str())("hairpin", s.hairpin)("isolated", s.isolated)("guard", s.guard)(
                "locked", s.locked);
            if (s.was) json.list("was", port_flags(*s.was), kWord);
          },
          [&](const Address& s) { begin("address")("link", text(s.link))("cidr", s.cidr.str()); },
          [&](const Route& s) {
            begin("route")("dev", text(s.dev))("dst", s.dst.str());
            if (s.via) json("via", s.via->str());
            put(json, "table", s.table);
            put(json, "metric", s.metric);
            put(json, "mtu", s.mtu);
            put(json, "advmss", s.advmss);
            put(json, "scope", s.scope);
            put(json, "nexthop", s.nexthop);
            if (s.source) json("source", s.source->str());
          },
          [&](const Rules& s) { begin("rules")("name", s.name).list("text", base::split(s.text, '\n')); },
          [&](const Elements& s) {
            begin("elements")("table", text(s.table))("set", s.set).list("elements", s.elements, kPut);
          },
          [&](const Announce& s) {
            begin("announce")("link", s.link.str())("mac", s.mac.str()).list("addresses", s.addresses, kStr);
          },
          [&](const Fdb& s) {
            begin("fdb")("link", s.link.str())("mac", s.mac.str());
            if (s.dst) json("dst", s.dst->str());
            put(json, "vlan", s.vlan);
            if (s.every_vlan) json("everyVlan", true);
          },
          [&](const Bond& s) {
            begin("bond")("link", s.link.str())("mode", s.mode)("mac", s.mac.str())("group", s.group);
            if (s.mtu != 0) json("mtu", s.mtu);
            json.list("members", s.members, kStr);
          },
          [&](const Uplink& s) { begin("uplink")("nic", s.nic.str())("master", s.master.str()); },
          [&](const Vlans& s) {
            begin("vlans")("link", s.link.str())("self", s.self)("keepDefault", s.keep_default);
            put(json, "pvid", s.pvid);
            json.list("tagged", s.tagged,
                      [](std::string& to, const VlanRange& range) { to += two(range.first, range.last); });
          },
          [&](const TakeAddresses& s) {
            begin("takeAddresses")("nic", s.nic.str())("bridge", s.bridge.str())
                .list("addresses", s.addresses, kPut)
                .list("routes", s.routes, kPut);
          },
          [&](const Publish& s) { begin("publish").list("mappings", s.mappings, kPut); },
          [&](const Neighbour& s) {
            begin("neighbour")("link", text(s.link))("ip", s.ip.str())("proxy", s.proxy);
            if (s.mac) json("mac", s.mac->str());
          },
          [&](const Shape& s) {
            begin("shape")("link", s.link.str())("ifb", s.ifb.str())("group", s.group)("mtu", s.mtu)("alias", s.alias)
                .raw("ingress", two(s.ingress.rate, s.ingress.burst))
                .raw("egress", two(s.egress.rate, s.egress.burst));
          },
          [&](const Tap& s) {
            begin("tap")("link", s.link.str())("mac", s.mac.str())("owner", s.owner)("multiQueue", s.multi_queue)(
                "mtu", s.mtu)("label", s.label)("alias", s.alias);
            put(json, "group", s.group);
          },
          [&](const Redirect& s) { begin("redirect")("a", s.a.str())("b", s.b.str()); },
          [&](const Service& s) { put_service(json, s); },
          [&](const Rule& s) {
            begin("rule")("ns", text(s.where))("from", s.from.str())("table", s.table)("priority", s.priority);
          },
          [&](const Vxlan& s) {
            begin("vxlan")("link", s.link.str())("vni", s.vni)("port", s.port)("local", s.local.str())(
                "learning", s.learning)("told", s.told)("isolated", s.isolated)("mac", s.mac.str())("mtu", s.mtu)(
                "group", s.group);
            if (s.master) json("master", s.master->str());
            if (s.multicast) json("multicast", s.multicast->str());
            if (s.underlay) json("underlay", s.underlay->str());
            if (!s.tx_checksum) json("noTxChecksum", true);
          },
          [&](const Nexthop& s) { begin("nexthop")("id", s.id)("dev", s.dev.str())("via", s.via.str()); },
          [&](const GuestHost& s) { put_guest_host(json, s); },
      },
      step);
}

}  // namespace

std::string steps_text(const std::vector<Step>& steps) {
  std::string out;
  JsonObject::array(out, steps, kPut);
  return out;
}

Json to_json(const Step& step) { return std::move(to_json(std::vector<Step>{step}).front()); }

Json to_json(const std::vector<Step>& steps) { return Json::parse(steps_text(steps)); }

}  // namespace trestle::plan
