#include "cni/result.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;
using net::Family;
using nlohmann::json;

bool is_newest_shape(const std::string& version) { return at_least(version, "1.0.0"); }
bool has_interfaces(const std::string& version) { return at_least(version, "0.3.0"); }

void put(json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
void put(json& object, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) object[key] = texts;
}
void put(json& object, const char* key, const std::optional<std::uint32_t>& number) {
  if (number) object[key] = *number;
}
void put(json& object, const char* key, const std::optional<net::Ip>& ip) {
  if (ip) object[key] = ip->str();
}
void put_list(json& object, const char* key, json list) {
  if (!list.empty()) object[key] = std::move(list);
}

json dns_json(const Dns& dns) {
  json out = json::object();
  put(out, "nameservers", dns.nameservers);
  put(out, "domain", dns.domain);
  put(out, "search", dns.search);
  put(out, "options", dns.options);
  return out;
}

json interface_json(const Interface& nic, const std::string& version) {
  json out{{"name", nic.name}};
  put(out, "mac", nic.mac);
  put(out, "sandbox", nic.sandbox);
  if (at_least(version, "1.1.0")) put(out, "mtu", nic.mtu);
  if (is_newest_shape(version)) {
    put(out, "socketPath", nic.socket_path);
    put(out, "pciID", nic.pci_id);
  }
  return out;
}

json ip_json(const ResultIp& ip, bool newest) {
  json out{{"address", ip.address.str()}};
  if (!newest) out["version"] = ip.address.ip.family == Family::v4 ? "4" : "6";
  put(out, "gateway", ip.gateway);
  put(out, "interface", ip.interface);
  return out;
}

json route_json(const ResultRoute& route, bool newest) {
  json out{{"dst", route.dst.str()}};
  put(out, "gw", route.gw);
  if (newest) {
    put(out, "mtu", route.mtu);
    put(out, "advmss", route.advmss);
    put(out, "priority", route.priority);
    put(out, "table", route.table);
    put(out, "scope", route.scope);
  }
  return out;
}

template <class T, class F>
json list_json(const std::vector<T>& items, F&& one) {
  json out = json::array();
  for (const T& item : items) out.push_back(one(item));
  return out;
}

std::size_t count(const Result& result, Family family) {
  std::size_t n = 0;
  for (const ResultIp& ip : result.ips) n += ip.address.ip.family == family ? 1 : 0;
  return n;
}

void require_address(const Result& result, const std::string& version) {
  if (result.ips.empty())
    throw Error(
        Code::bad_config, "cannot convert: no valid IP addresses",
        "cniVersion " + version + " has no result without an address; use 0.3.0 or newer for a layer 2 network");
}

// ip4 or ip6 of 0.1.0 and 0.2.0; null where the family has no address, whose routes are then lost too.
json family_json(const Result& result, Family family) {
  for (const ResultIp& ip : result.ips) {
    if (ip.address.ip.family != family) continue;
    json routes = json::array();
    for (const ResultRoute& route : result.routes)
      if (route.dst.ip.family == family) routes.push_back(route_json(route, false));
    json out{{"ip", ip.address.str()}};
    put(out, "gateway", ip.gateway);
    put_list(out, "routes", std::move(routes));
    return out;
  }
  return nullptr;
}

json oldest_json(const Result& result, const std::string& version) {
  require_address(result, version);
  json out{{"cniVersion", version}, {"dns", dns_json(result.dns)}};
  put_list(out, "ip4", family_json(result, Family::v4));
  put_list(out, "ip6", family_json(result, Family::v6));
  return out;
}

}  // namespace

void check_expressible(const Result& result, const std::string& version) {
  if (has_interfaces(version)) return;
  require_address(result, version);
  for (const Family family : {Family::v4, Family::v6})
    if (count(result, family) > 1)
      throw Error(Code::bad_config,
                  std::string("cannot convert: more than one IPv") + (family == Family::v4 ? "4" : "6") + " address",
                  "cniVersion " + version + " has room for one address of each family; use 0.3.0 or newer");
}

json to_json(const Result& result, const std::string& version) {
  if (!has_interfaces(version)) return oldest_json(result, version);
  const bool newest = is_newest_shape(version);
  json out{{"cniVersion", version}};
  put_list(out, "interfaces",
           list_json(result.interfaces, [&](const Interface& nic) { return interface_json(nic, version); }));
  put_list(out, "ips", list_json(result.ips, [&](const ResultIp& ip) { return ip_json(ip, newest); }));
  put_list(out, "routes",
           list_json(result.routes, [&](const ResultRoute& route) { return route_json(route, newest); }));
  if (!newest || !result.dns.empty()) out["dns"] = dns_json(result.dns);
  return out;
}

}  // namespace trestle::cni
