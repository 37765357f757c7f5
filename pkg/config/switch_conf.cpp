#include "config/switch_conf.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/words.h"

namespace trestle::config {

using cni::Field;

namespace {

constexpr std::size_t kMaxUplinks = 16, kMaxAllowed = 256;
constexpr Choice kBonds[] = {{"active-backup"}};

PortRef parse_port(const Field& field) {
  const std::string text = field.string();
  const std::vector<std::string> parts = base::split(text, '/');
  const auto port = base::parse_number(parts.front(), 65535);
  if (parts.size() == 2 && port && *port != 0)
    for (const std::string_view protocol : kProtocols)
      if (parts[1] == protocol) return {static_cast<std::uint16_t>(*port), std::string(protocol)};
  field.refuse("\"" + base::printable(text) + "\" is no port with its protocol (tcp, udp or sctp), as \"53/udp\"");
}

net::IfName parse_nic(const Field& field) {
  const std::string text = field.string();
  if (text == "lo") field.refuse("\"lo\" is no NIC");
  return base::in_context(field.path(), [&] { return net::IfName::parse(text); });
}

Uplink parse_uplink(const Field& field) {
  Uplink out;
  if (field.raw().is_string()) {
    out.links.push_back(parse_nic(field));
    return out;
  }
  if (!field.raw().is_object())
    field.refuse("must be a NIC, as \"eth1\", or {\"links\": [\"eth1\", \"eth2\"], \"bond\": \"active-backup\"}");
  check_keys(field, uplink_keys());
  const std::vector<Field> links = field.at("links").items();
  if (links.empty()) field.refuse("\"links\" names no NIC");
  if (links.size() > kMaxUplinks) field.refuse("more than " + std::to_string(kMaxUplinks) + " links");
  for (const Field& link : links) {
    out.links.push_back(parse_nic(link));
    if (std::count(out.links.begin(), out.links.end(), out.links.back()) > 1)
      link.refuse("\"" + out.links.back().str() + "\" stands there twice");
  }
  if (const auto bond = field.find("bond")) out.bond = choose(*bond, kBonds);
  if (const auto take = field.find("takeAddresses")) out.take_addresses = take->boolean();
  if (out.links.size() > 1 && out.bond.empty())
    field.refuse(
        "several links under one switch make a loop: every broadcast would circle for ever; add \"bond\": "
        "\"active-backup\", or give each its own network with its own \"bridge\"");
  return out;
}

std::uint16_t parse_vid(const Field& field) { return static_cast<std::uint16_t>(field.integer(1, 4094)); }

// [{"id": 42}, {"minID": 100, "maxID": 110}], as the reference bridge has it.
std::vector<plan::VlanRange> parse_trunk(const Field& list) {
  std::vector<plan::VlanRange> out;
  const std::vector<Field> items = list.items();
  if (items.size() > 4094) list.refuse("has more than 4094 ranges");
  for (const Field& item : items) {
    check_keys(item, trunk_keys());
    const auto id = item.find("id"), low = item.find("minID"), high = item.find("maxID");
    if (low.has_value() != high.has_value()) item.refuse("minID and maxID go together");
    if (!id && !low) item.refuse("must have \"id\", or \"minID\" and \"maxID\"");
    if (id) out.push_back({parse_vid(*id), parse_vid(*id)});
    if (low) out.push_back({parse_vid(*low), parse_vid(*high)});
    if (out.back().first > out.back().last) item.refuse("minID is greater than maxID");
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<plan::VlanRange> merged;
  for (const plan::VlanRange& range : out)
    if (!merged.empty() && range.first <= merged.back().last + 1)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  return merged;
}

template <class F>
auto parse_list(const Field& conf, const char* key, F&& parse_item) {
  std::vector<decltype(parse_item(conf))> out;
  if (const auto list = conf.find(key)) {
    if (list->raw().size() > kMaxAllowed) list->refuse("has more than " + std::to_string(kMaxAllowed) + " entries");
    for (const Field& item : list->items()) {
      auto value = parse_item(item);
      if (std::find(out.begin(), out.end(), value) == out.end()) out.push_back(std::move(value));
    }
  }
  return out;
}

}  // namespace

net::IfName parse_bridge(const Field& field) {
  const std::string text = field.string();
  // It becomes part of file names, sysctl paths and nftables identifiers.
  if (!cni::is_plain_name(text) || text == "lo")
    field.refuse("\"" + base::printable(text) +
                 "\" is no name for a switch: letters, digits, '_', '.' and '-', a letter or digit first");
  return base::in_context(field.path(), [&] { return net::IfName::parse(text); });
}

// [] is a list like any other here: no port at all.
HostAccess parse_host_access(const Field& field) {
  if (field.raw().is_boolean()) return {field.boolean(), {}};
  if (!field.raw().is_array()) field.refuse("must be true, false, or a list of ports as [\"53/udp\", \"53/tcp\"]");
  HostAccess access{false, {}};
  for (const Field& item : field.items()) {
    const PortRef port = parse_port(item);
    if (std::find(access.ports.begin(), access.ports.end(), port) == access.ports.end()) access.ports.push_back(port);
    if (access.ports.size() > 1024) field.refuse("has more than 1024 ports");
  }
  return access;
}

void parse_switch(const Field& conf, NetConf& out) {
  if (const auto uplink = conf.find("uplink")) out.uplink = parse_uplink(*uplink);
  if (const auto vlan = conf.find("vlan")) out.vlan = parse_vid(*vlan);
  if (const auto trunk = conf.find("vlanTrunk")) out.vlan_trunk = parse_trunk(*trunk);
  out.allowed_macs = parse_list(conf, "allowedMACs", [](const Field& item) {
    return base::in_context(item.path(), [&] { return net::Mac::parse_station(item.string()); });
  });
  out.allowed_addresses = parse_list(conf, "allowedAddresses", [](const Field& item) {
    const std::string text = item.string();
    return base::in_context(item.path(), [&] {
      return text.find('/') == text.npos ? net::Cidr::host(net::Ip::parse(text)) : net::Cidr::parse_network(text);
    });
  });
}

}  // namespace trestle::config
