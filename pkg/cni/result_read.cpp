#include <limits>

#include "base/error.h"
#include "cni/json.h"
#include "cni/result.h"

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;

constexpr auto kMaxU32 = std::numeric_limits<std::uint32_t>::max();

std::string text(const Field& object, const char* key) {
  const auto field = object.find_any(key);
  return field ? field->string() : std::string();
}

std::optional<std::uint32_t> number(const Field& object, const char* key, std::uint32_t high = kMaxU32) {
  const auto field = object.find_any(key);
  if (!field) return std::nullopt;
  return static_cast<std::uint32_t>(field->integer(0, high));
}

// Where the reference's zero means "not set".
std::optional<std::uint32_t> number_or_unset(const Field& object, const char* key) {
  const auto value = number(object, key);
  return value == 0U ? std::nullopt : value;
}

std::vector<Field> list(const Field& object, const char* key) {
  const auto field = object.find_any(key);
  return field ? field->items() : std::vector<Field>();
}

std::vector<std::string> texts(const Field& object, const char* key) {
  std::vector<std::string> out;
  for (const Field& item : list(object, key)) out.push_back(item.string());
  return out;
}

net::Cidr cidr(const Field& field) {
  return base::in_context(field.path(), [text = field.string()] { return net::Cidr::parse(text); });
}

std::optional<net::Ip> gateway(const Field& object, const char* key) {
  const auto field = object.find(key);
  if (!field) return std::nullopt;
  return base::in_context(field->path(), [text = field->string()] { return net::Ip::parse(text); });
}

Dns read_dns(const Field& object) {
  const auto dns = object.find_any("dns");
  if (!dns) return {};
  return {texts(*dns, "nameservers"), texts(*dns, "search"), texts(*dns, "options"), text(*dns, "domain")};
}

Interface read_interface(const Field& object) {
  return {object.at("name").string(), text(object, "mac"),        number_or_unset(object, "mtu"),
          text(object, "sandbox"),    text(object, "socketPath"), text(object, "pciID")};
}

ResultIp read_ip(const Field& object, std::size_t interfaces) {
  ResultIp ip{cidr(object.at("address")), gateway(object, "gateway"), number(object, "interface")};
  if (ip.interface && *ip.interface >= interfaces)
    object.at("interface").refuse("there is no such interface in the list");
  return ip;
}

ResultRoute read_route(const Field& object) {
  return {cidr(object.at("dst")).network(),    gateway(object, "gw"),
          number_or_unset(object, "mtu"),      number_or_unset(object, "advmss"),
          number_or_unset(object, "priority"), number(object, "table"),
          number(object, "scope", 255)};
}

void read_routes(const Field& object, Result& result) {
  for (const Field& route : list(object, "routes")) result.routes.push_back(read_route(route));
}

Result read_oldest(const Field& document) {
  Result result;
  for (const char* key : {"ip4", "ip6"}) {
    const auto family = document.find_any(key);
    if (!family) continue;
    result.ips.push_back({cidr(family->at("ip")), gateway(*family, "gateway"), std::nullopt});
    read_routes(*family, result);
  }
  result.dns = read_dns(document);
  return result;
}

Result read_newer(const Field& document) {
  Result result;
  for (const Field& nic : list(document, "interfaces")) result.interfaces.push_back(read_interface(nic));
  for (const Field& ip : list(document, "ips")) result.ips.push_back(read_ip(ip, result.interfaces.size()));
  read_routes(document, result);
  result.dns = read_dns(document);
  return result;
}

// Versions of one shape may be mixed, no others: the reference decodes by the config's version and refuses the rest.
int shape(const std::string& version) { return at_least(version, "1.0.0") ? 2 : at_least(version, "0.3.0") ? 1 : 0; }

Result read_document(const Json& json, const std::string& config_version) {
  const Field document(json, "");
  const auto own = document.find("cniVersion");
  const std::string version = own ? check_version(own->string()) : config_version;
  if (shape(version) != shape(config_version))
    own->refuse("a result of version " + version + " does not fit a config of version " + config_version);
  return shape(version) == 0 ? read_oldest(document) : read_newer(document);
}

}  // namespace

Result result_from_json(const Json& json, const std::string& version) {
  const std::string config_version = check_version(version);
  try {
    return read_document(json, config_version);
  } catch (const Error& e) {
    throw Error(Code::decode, e.what(), e.details);
  }
}

}  // namespace trestle::cni
