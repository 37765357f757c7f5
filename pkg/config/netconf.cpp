#include "config/netconf.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cni/json.h"
#include "config/check.h"
#include "config/guest_conf.h"
#include "config/identity.h"
#include "config/interfaces.h"
#include "config/ipam_conf.h"
#include "config/keys.h"
#include "config/overlay_conf.h"
#include "config/runtime_conf.h"
#include "config/switch_conf.h"
#include "config/tap_conf.h"
#include "net/names.h"
#include "net/vm_identity.h"

namespace trestle::config {
namespace {

using cni::Field;

constexpr Choice kModes[] = {{"nat"}, {"routed"}, {"bridge"}, {"isolated"}};

bool flag(const Field& conf, const char* key, bool absent) {
  const std::optional<Field> field = conf.find(key);
  return field ? field->boolean() : absent;
}

// It ends in a resolv.conf, where a blank or a line end would begin another entry.
std::string dns_word(const Field& field) {
  std::string text = field.string();
  const bool bad = text.empty() ||
                   std::any_of(text.begin(), text.end(), [](char c) { return c > '\0' && (c <= ' ' || c == '\x7f'); });
  if (bad) field.refuse("\"" + base::printable(text) + "\" is empty or has white space");
  return text;
}

std::string dns_server(const Field& field) {
  std::string text = dns_word(field);
  if (!net::Ip::try_parse(text.substr(0, text.find('%'))))
    field.refuse("\"" + base::printable(text) + "\" is not an IPv4 or IPv6 address");
  return text;
}

template <class F>
std::vector<std::string> words(const Field& object, const char* key, F&& parse_word) {
  std::vector<std::string> out;
  if (const auto list = object.find(key))
    for (const Field& item : list->items()) out.push_back(parse_word(item));
  return out;
}

cni::Dns parse_dns(const Field& conf, const std::optional<Field>& runtime) {
  if (runtime) {
    if (const auto dns = runtime->find("dns")) {
      check_keys(*dns, runtime_dns_keys());
      cni::Dns out{words(*dns, "servers", dns_server), words(*dns, "searches", dns_word),
                   words(*dns, "options", dns_word), ""};
      if (!out.empty()) return out;
    }
  }
  const auto dns = conf.find("dns");
  if (!dns) return {};
  check_keys(*dns, dns_keys());
  const auto domain = dns->find("domain");
  return {words(*dns, "nameservers", dns_server), words(*dns, "search", dns_word), words(*dns, "options", dns_word),
          domain ? dns_word(*domain) : ""};
}

// args.cni: metadata of which we take what we know and ignore the rest, as the conventions want.
std::optional<Field> find_args(const Field& conf) {
  const auto args = conf.find("args");
  return args ? args->find("cni") : std::nullopt;
}

std::vector<net::Cidr> requested_ips(const std::vector<std::optional<Field>>& sources, const cni::Args& args) {
  for (const std::optional<Field>& source : sources) {
    const auto list = source ? source->find("ips") : std::nullopt;
    if (!list) continue;
    std::vector<net::Cidr> ips;
    if (list->raw().size() > 256) list->refuse("has more than 256 addresses");
    for (const Field& item : list->items()) ips.push_back(parse_request(item));
    return ips;
  }
  return args.ips;
}

std::optional<net::Mac> requested_mac(const std::vector<std::optional<Field>>& sources, const cni::Args& args) {
  for (const std::optional<Field>& source : sources)
    if (const auto field = source ? source->find("mac") : std::nullopt)
      return base::in_context(field->path(), [&] { return net::Mac::parse_station(field->string()); });
  if (args.mac) (void)base::in_context("CNI_ARGS: MAC", [&] { return net::Mac::parse_station(args.mac->str()); });
  return args.mac;
}

// Also in logs and errors, hence no character that could do harm there.
std::string parse_vm(const Field& field) {
  constexpr std::size_t kMost = 253;
  std::string vm = field.string();
  if (vm.size() > kMost || !std::all_of(vm.begin(), vm.end(), [](char c) { return c > ' ' && c <= '~'; }))
    field.refuse("must be printable ASCII without blanks, of at most " + std::to_string(kMost) + " characters");
  return vm;
}

std::string vm_of(const std::optional<Field>& metadata, const cni::Args& args) {
  const auto field = metadata ? metadata->find("vm") : std::nullopt;
  const auto word = [&](const char* key) {
    const auto it = args.k8s.find(key);
    return it == args.k8s.end() ? std::string() : it->second;
  };
  return net::vm_identity(field ? parse_vm(*field) : std::string(), word("K8S_POD_NAME"), word("K8S_POD_NAMESPACE"));
}

bool has_v6(const IpamConf& conf) {
  return std::any_of(conf.ranges.begin(), conf.ranges.end(),
                     [](const auto& set) { return set.front().first.family == net::Family::v6; });
}

std::optional<std::uint32_t> parse_mtu(const Field& conf, const IpamConf& ipam) {
  const auto field = conf.find("mtu");
  if (!field) return std::nullopt;
  const auto mtu = static_cast<std::uint32_t>(field->integer(68, 65535));
  if (mtu < 1280 && has_v6(ipam))
    field->refuse(std::to_string(mtu) + " is less than 1280, the least that IPv6 works with");
  return mtu;
}

// Whoever says nothing of a network of its own adds to the interface that the plugin before has made.
const char* mode_without_word(const Field& conf, const std::optional<Field>& runtime) {
  for (const char* key : {"subnets", "ipam", "bridge", "uplink", "vlan", "vlanTrunk", "preserveDefaultVlan",
                          "hostAccess", "proxyArp", "defaultRoute", "mtu", "overlay"})
    if (conf.find_any(key)) return "nat";
  return runtime && runtime->find("ipRanges") ? "nat" : "chained";
}

// One NIC's. `entry`: of `interfaces`, else the call's first.
NetConf parse_nic(const Field& conf, const cni::Args& args, const Entry* entry) {
  const Identity identity = parse_identity(conf);
  check_keys(conf, conf_keys());
  const std::optional<Field> runtime = conf.find("runtimeConfig");
  if (runtime) check_keys(*runtime, runtime_keys());
  const std::vector<std::optional<Field>> sources = {runtime, find_args(conf)};

  const auto mode = conf.find("mode"), bridge = conf.find("bridge");
  NetConf out{.cni_version = identity.cni_version,
              .name = identity.name,
              .mode = mode    ? choose(*mode, kModes)
                      : entry ? "nat"
                              : mode_without_word(conf, runtime),
              .bridge = bridge ? parse_bridge(*bridge) : net::switch_name(identity.name),
              .mtu = std::nullopt,
              .ipam = parse_ipam(conf),
              .requested_ips = requested_ips(sources, args),
              .requested_mac = requested_mac(sources, args),
              .default_route = std::nullopt,
              .spoof_check = flag(conf, "spoofCheck", true),
              .hairpin = flag(conf, "hairpinMode", false),
              .host_access = {},
              .tap = parse_device(conf, args),
              .uplink = std::nullopt,
              .vlan = std::nullopt,
              .vlan_trunk = {},
              .preserve_default_vlan = flag(conf, "preserveDefaultVlan", false),
              .port_isolation = flag(conf, "portIsolation", false),
              .proxy_arp = flag(conf, "proxyArp", false),
              .allowed_macs = {},
              .allowed_addresses = {},
              .publishes = false,
              .port_mappings = {},
              .ingress = {},
              .egress = {},
              .dns = parse_dns(conf, runtime),
              .guests = std::nullopt,
              .chained = std::nullopt,
              .prev_result = std::nullopt};
  out.vm = vm_of(sources.back(), args);
  out.overlay = parse_overlay(conf);
  if (const auto field = conf.find("defaultRoute")) out.default_route = field->boolean();
  if (const auto field = conf.find("sourceRouting")) out.source_routing = field->boolean();
  // Without a word of its own `isolated` has no host; the other modes have.
  out.host_access.all = out.mode != "isolated";
  if (const auto field = conf.find_any("hostAccess")) out.host_access = parse_host_access(*field);
  parse_switch(conf, out);
  parse_capabilities(conf, runtime, out);
  if (const auto field = conf.find("prevResult"))
    out.prev_result = cni::result_from_json(field->raw(), identity.cni_version);
  out.mtu = parse_mtu(conf, out.ipam);
  check_together(conf, out);
  out.guests = parse_guests(conf, args, out);
  return out;
}

// What is wrong between several keys names none of them.
template <class F>
NetConf in_entry(const Entry& entry, F&& body) try {
  return std::forward<F>(body)();
} catch (const base::Error& e) {
  if (std::string_view(e.what()).starts_with(entry.path)) throw;
  throw base::Error(e.code, entry.path + " (" + entry.nic.str() + "): " + e.what(), e.details);
}

NetConf parse_further(const Entry& entry, const NetConf& first) {
  NetConf out = in_entry(entry, [&] { return parse_nic(Field(entry.conf, entry.path), {}, &entry); });
  out.nic = entry.nic;
  out.same_switch = entry.same_switch;
  out.shared_name = entry.named;
  if (entry.same_switch) out.publishes = first.publishes;
  out.vm = first.vm;
  if (out.guests && first.guests) out.guests->names = first.guests->names;
  return out;
}

}  // namespace

NetConf parse(const nlohmann::json& json, const cni::Args& args) {
  const Field conf(json, "");
  NetConf out = parse_nic(conf, args, nullptr);
  for (const Entry& entry : parse_entries(conf, out.name)) out.more.push_back(parse_further(entry, out));
  check_nics(out);
  place_default_routes(out);
  (void)parse_settings(json, std::nullopt);
  return out;
}

}  // namespace trestle::config
