// What a Step speaks of, and the digest of many: what tells one shared part from another.
#include "base/hash.h"
#include "base/text.h"
#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::plan {

namespace {

std::string number(const char* word, const std::optional<std::uint32_t>& value) {
  return value ? std::string(" ") + word + " " + std::to_string(*value) : std::string();
}

}  // namespace

std::uint32_t metric_of(const Route& route) {
  return route.metric.value_or(route.dst.ip.family == net::Family::v6 ? 1024 : 0);
}

std::string object_key(const Step& step) {
  return std::visit(
      Overloaded{
          [](const Sysctl& s) { return text(s.where) + " sysctl " + s.key; },
          [](const File& s) { return "file " + s.path; },
          [](const Bridge& s) { return "link host:" + s.link.str(); },
          [](const Veth& s) { return "link host:" + s.host.str(); },
          [](const Up& s) { return "up " + text(s.link); },
          [](const Port& s) { return "port " + s.link.str(); },
          [](const Address& s) { return "address " + text(s.link) + " " + s.cidr.str(); },
          [](const Route& s) {
            return "route " + text(s.dev) + " " + s.dst.str() + number("table", s.table) + number("metric", s.metric);
          },
          [](const Rules& s) { return "rules " + s.name; },
          [](const Elements& s) { return "elements " + text(s.table) + " " + s.set; },
          [](const Announce& s) { return "announce " + s.link.str(); },
          [](const Fdb& s) { return "fdb " + s.link.str() + " " + s.mac.str() + (s.dst ? " " + s.dst->str() : ""); },
          [](const Bond& s) { return "link host:" + s.link.str(); },
          // Of the switch: two uplinks that are no bond would make a loop.
          [](const Uplink& s) { return "uplink of " + s.master.str(); },
          [](const Vlans& s) { return "vlans " + s.link.str() + (s.self ? " self" : ""); },
          [](const TakeAddresses& s) { return "addresses of " + s.nic.str(); },
          [](const Publish&) { return std::string("published ports"); },
          [](const Neighbour& s) { return "neighbour " + text(s.link) + " " + s.ip.str() + (s.proxy ? " proxy" : ""); },
          [](const Shape& s) { return "bandwidth of " + s.link.str(); },
          [](const Tap& s) { return "link pod:" + s.link.str(); },
          [](const Redirect& s) { return "redirect " + s.a.str() + " " + s.b.str(); },
          [](const Service& s) { return "service " + s.directory; },
          [](const Rule& s) { return text(s.where) + " rule from " + s.from.str() + number("table", s.table); },
          [](const Vxlan& s) { return "link host:" + s.link.str(); },
          [](const Nexthop& s) { return "nexthop " + std::to_string(s.id); },
          [](const GuestHost& s) { return "guest " + s.mac.str() + " in " + s.directory; },
      },
      step);
}

std::optional<LinkRef> link_of(const Sysctl& sysctl) {
  const auto parts = base::split(sysctl.key, '/');
  if (parts.size() != 5 || parts[2] != "conf" || parts[3] == "all" || parts[3] == "default") return std::nullopt;
  return LinkRef{sysctl.where, net::IfName::parse(parts[3])};
}

namespace {

std::string routes(const TakeAddresses& take) {
  std::string out;
  for (const TakenRoute& r : take.routes)
    out += r.dst.str() + (r.via ? r.via->str() : "") + "," + (r.source ? r.source->str() : "") + "," +
           std::to_string(r.table) + "," + std::to_string(r.metric) + "," + std::to_string(r.protocol) + "," +
           std::to_string(r.scope) + (r.onlink ? "o" : "") + ";";
  for (const TakenAddress& a : take.addresses)
    out += std::to_string(a.scope) + "," + (a.broadcast ? a.broadcast->str() : "") + "," + std::to_string(a.metric) +
           (a.no_prefix_route ? "n" : "") + ";";
  return out;
}

std::string texts(const Service& service) {
  std::string out;
  for (const ServiceFile& file : service.files) out += file.name + '\n' + file.text;
  return out;
}

// What describe() leaves out of a Step.
std::string rest(const Step& step) {
  if (const auto* file = std::get_if<File>(&step)) return file->text;
  if (const auto* rules = std::get_if<Rules>(&step)) return rules->text;
  if (const auto* bridge = std::get_if<Bridge>(&step)) return std::to_string(bridge->group);
  if (const auto* bond = std::get_if<Bond>(&step)) return std::to_string(bond->group);
  if (const auto* shape = std::get_if<Shape>(&step)) return std::to_string(shape->group) + shape->alias;
  if (const auto* take = std::get_if<TakeAddresses>(&step)) return routes(*take);
  if (const auto* tap = std::get_if<Tap>(&step)) return tap->mac.str() + tap->label + tap->alias;
  if (const auto* service = std::get_if<Service>(&step)) return texts(*service);
  if (const auto* vxlan = std::get_if<Vxlan>(&step))
    return std::to_string(vxlan->group) + (vxlan->learning ? "l" : "") + (vxlan->told ? "t" : "") +
           (vxlan->isolated ? "i" : "") + (vxlan->underlay ? vxlan->underlay->str() : "");
  if (const auto* veth = std::get_if<Veth>(&step))
    return veth->host_mac.str() + std::to_string(veth->group) + veth->alias;
  return {};
}

}  // namespace

// Not over the JSON: building that cost an ADD 0.1 ms, and every ADD asks.
std::string digest(const std::vector<Step>& steps) {
  std::string all;
  for (const Step& step : steps) all += describe(step) + '\n' + rest(step) + '\n';
  return base::hex(base::checksum64(all), 16);
}

}  // namespace trestle::plan
