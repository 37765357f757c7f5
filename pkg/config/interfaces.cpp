#include "config/interfaces.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"

namespace trestle::config {

using base::Code;
using base::Error;
using cni::Field;
using net::Family;

namespace {

constexpr std::size_t kMost = 31;  // beside the first: a pod with more has a mistake in its configuration
constexpr Family kFamilies[] = {Family::v4, Family::v6};

// Whoever says one of them has a network of its own (DESIGN section 6).
constexpr const char* kOfNetwork[] = {"mode", "bridge", "subnets", "ipam", "uplink", "overlay"};
// What one more NIC on the same switch has of the first: the network, and what all of its NICs must agree on.
constexpr const char* kOfSwitch[] = {"mode",         "bridge", "subnets",    "ipam",     "uplink",
                                     "overlay",      "mtu",    "hostAccess", "proxyArp", "guestServices",
                                     "capabilities", "dns",    "vlan"};
// Of these, what an entry could say for itself, and would say for all pods of the switch.
constexpr const char* kForAll[] = {"mtu", "hostAccess", "proxyArp", "guestServices", "dns"};
constexpr const char* kOfCall[] = {"cniVersion",   "cniVersions",   "type",       "args",
                                   "capabilities", "runtimeConfig", "prevResult", "disableCheck",
                                   "disableGC",    "deviceID",      "stateDir",   "logLevel",
                                   "logFile",      "interfaces",    "pciBusID",   "loadOnlyInlinedPlugins"};

bool contains(const std::vector<Family>& all, Family family) {
  return std::find(all.begin(), all.end(), family) != all.end();
}

net::IfName nic_of(const Field& entry) {
  const auto name = entry.find("name");
  if (!name) entry.refuse("\"name\" is missing: what the interface is called in the pod, as \"eth1\"");
  if (name->string() == "lo") name->refuse("lo is in every pod already");
  return base::in_context(name->path(), [&] { return net::IfName::parse(name->string()); });
}

std::string network_of(const Field& entry, bool same_switch, const std::string& first, const net::IfName& nic) {
  const auto network = entry.find("network");
  if (!network) return same_switch ? first : first + "-" + nic.str();
  std::string name = network->string();
  if (!cni::is_plain_name(name))
    network->refuse(
        "\"" + base::printable(name) +
        "\" must begin with a letter or digit and have only letters, digits, '_', '.' and '-', 128 at most");
  if (same_switch && name != first)
    network->refuse(
        "\"" + name +
        "\" is named, but nothing of it is said: give its \"mode\", \"bridge\", \"subnets\", \"ipam\" or \"uplink\" "
        "here (a plugin sees no other configuration), or leave \"network\" out for one more NIC on the same "
        "switch");
  return name;
}

// Of the runtime's words only the ranges are the switch's; the others are for one NIC.
void take_of_switch(nlohmann::json& out, const Field& conf, const Field& entry) {
  for (const char* key : kOfSwitch)
    if (conf.find_any(key) && !entry.find_any(key)) out[key] = conf.raw().at(key);
  if (const auto runtime = conf.find("runtimeConfig"))
    if (const auto ranges = runtime->find("ipRanges")) out["runtimeConfig"] = {{"ipRanges", ranges->raw()}};
}

Entry parse_entry(const Field& conf, const Field& entry, const std::string& network) {
  entry.must_be_object();
  for (const char* key : kOfCall)
    if (entry.has(key))
      entry.at(key).refuse("is the whole call's, not a NIC's: it stands beside \"interfaces\", not in it");
  const bool same_switch = std::none_of(std::begin(kOfNetwork), std::end(kOfNetwork),
                                        [&](const char* key) { return entry.find(key).has_value(); });
  Entry out{entry.raw(), entry.path(), nic_of(entry), same_switch, false};
  out.conf["name"] = network_of(entry, same_switch, network, out.nic);
  out.named = !same_switch && out.conf.erase("network") != 0;
  out.conf.erase("network");
  if (!cni::is_plain_name(out.conf["name"].get_ref<const std::string&>()))
    entry.refuse("give it a \"network\": the name \"" + base::printable(out.conf["name"].get<std::string>()) +
                 "\", made of the first one's and of the NIC's, is none for a network");
  for (const char* key : {"cniVersion", "type"})
    if (conf.has(key)) out.conf[key] = conf.raw().at(key);
  if (!same_switch) return out;
  for (const char* key : kForAll)
    if (const auto field = entry.find_any(key))
      field->refuse(
          "would be so for all pods of the first NIC's network: say it beside \"interfaces\", or give this NIC a "
          "network of its own (\"subnets\", \"bridge\", \"mode\")");
  take_of_switch(out.conf, conf, entry);
  return out;
}

std::string called(const NetConf& nic) { return nic.nic ? "NIC " + nic.nic->str() : "the first NIC"; }

std::string where(const NetConf& nic) {
  return nic.bridge.str() + (nic.vlan ? ", VLAN " + std::to_string(*nic.vlan) : "");
}

bool has_family(const NetConf& nic, Family family) {
  if (nic.ipam.ranges.empty() && (nic.ipam.delegate || nic.overlay)) return true;  // for all that is known as yet
  return std::any_of(nic.ipam.ranges.begin(), nic.ipam.ranges.end(),
                     [&](const ipam::RangeSet& set) { return set.front().subnet.ip.family == family; });
}

// One with a priority or a table is a way beside the pod's own.
bool routes_default(const NetConf& nic, Family family) {
  return std::any_of(nic.ipam.routes.begin(), nic.ipam.routes.end(), [&](const auto& route) {
    return route.dst.ip.family == family && route.dst.length == 0 && !route.table && !route.priority;
  });
}

// Has a default route by its mode or its delegate, unless it is told otherwise.
bool offers(const NetConf& nic, Family family) {
  if (nic.default_route || !has_family(nic, family)) return false;
  return nic.mode == "nat" || nic.mode == "routed" ||
         (nic.mode == "bridge" && nic.ipam.delegate && routes_default(nic, family));
}

[[noreturn]] void refuse_two(const NetConf& a, const NetConf& b, const std::string& why) {
  throw Error(Code::bad_config, "interfaces: " + called(a) + " and " + called(b) + " " + why);
}

// Each would give its first address, and the MAC that follows from it: the pod had both twice.
void check_subnets(const NetConf& a, const NetConf& b) {
  if ((a.bridge == b.bridge && a.vlan == b.vlan) || a.tap.has_value() != b.tap.has_value()) return;
  for (const ipam::RangeSet& set : a.ipam.ranges)
    for (const ipam::RangeSet& other : b.ipam.ranges)
      for (const ipam::Range& one : set)  // several of a family are one pool: the second is used when the first is full
        for (const ipam::Range& two : other)
          if (one.subnet.overlaps(two.subnet))
            refuse_two(a, b,
                       "are apart (" + where(a) + ", " + where(b) + ") and both in subnet " + one.subnet.str() +
                           ", so that nobody in the pod could tell which way leads there; give one of them other "
                           "\"subnets\"");
}

void check_pair(const NetConf& a, const NetConf& b) {
  if (a.nic && a.nic == b.nic) refuse_two(a, b, "have one name; give each its own");
  const bool one_switch = a.bridge == b.bridge;
  if (one_switch && a.mode != b.mode)
    refuse_two(a, b,
               "are on switch " + a.bridge.str() + ", once with mode \"" + a.mode + "\" and once with \"" + b.mode +
                   "\"; give one of them another \"bridge\", or both the same mode");
  check_subnets(a, b);
  if (a.mode != "bridge" || b.mode != "bridge" || !a.uplink || !b.uplink) return;
  if (one_switch && *a.uplink != *b.uplink)
    refuse_two(a, b,
               "give switch " + a.bridge.str() +
                   " two uplinks, which make a loop; give both the same, or one of them another \"bridge\"");
  for (const net::IfName& link : a.uplink->links)
    if (!one_switch && std::find(b.uplink->links.begin(), b.uplink->links.end(), link) != b.uplink->links.end())
      refuse_two(a, b,
                 "have uplink " + link.str() + " below two switches (" + a.bridge.str() + ", " + b.bridge.str() +
                     "), and it can be a port of one only; give both the same \"bridge\"");
}

}  // namespace

std::vector<Entry> parse_entries(const Field& conf, const std::string& network) {
  std::vector<Entry> out;
  const auto list = conf.find("interfaces");
  if (!list) return out;
  const std::vector<Field> items = list->items();
  if (items.size() > kMost) list->refuse("has more than " + std::to_string(kMost) + " entries");
  for (const Field& item : items) out.push_back(parse_entry(conf, item, network));
  return out;
}

void check_nics(const NetConf& conf) {
  if (conf.more.empty()) return;
  if (conf.mode == "chained")
    throw Error(
        Code::bad_config,
        "\"interfaces\" makes further NICs, and this configuration adds to the one of the plugin before: name a "
        "\"mode\" or \"subnets\" for the first NIC, or give each NIC a call of its own");
  const std::vector<const NetConf*> all = nics(conf);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j) check_pair(*all[i], *all[j]);
}

namespace {

// Of NICs that one stack has: the pod's, or that of the guest behind the TAPs.
void place(const std::vector<NetConf*>& all, Family family) {
  const NetConf* holder = nullptr;
  for (const NetConf* nic : all) {
    if (!asks_default(*nic, family)) continue;
    if (holder)
      refuse_two(*holder, *nic,
                 "both ask for the pod's default route, and there is one; say \"defaultRoute\": true on one "
                 "of them only");
    holder = nic;
  }
  if (!holder)
    if (const auto first = std::ranges::find_if(all, [&](const NetConf* nic) { return offers(*nic, family); });
        first != all.end())
      holder = *first;
  for (NetConf* nic : all)
    if (holder && nic != holder) nic->default_elsewhere.push_back(family);
}

// Of a network that other configurations have too, their guests are told the same.
std::optional<bool> guests_default(const std::vector<NetConf*>& all, const NetConf& nic) {
  if (nic.default_route || nic.shared_name) return nic.default_route;
  const bool somewhere = std::ranges::any_of(all, [&](const NetConf* other) {
    return other->bridge == nic.bridge && other->name == nic.name && std::ranges::any_of(kFamilies, [&](Family family) {
             return has_family(*other, family) && !contains(other->default_elsewhere, family);
           });
  });
  return somewhere ? std::nullopt : std::optional(false);
}

}  // namespace

void place_default_routes(NetConf& conf) {
  conf.guests_default = conf.default_route;
  if (conf.more.empty()) return;
  std::vector<NetConf*> all = {&conf}, of_pod, of_guest;
  for (NetConf& nic : conf.more) all.push_back(&nic);
  for (NetConf* nic : all) {
    nic->default_elsewhere.clear();
    (nic->tap ? of_guest : of_pod).push_back(nic);
  }
  for (const Family family : kFamilies)
    for (const auto* some : {&of_pod, &of_guest}) place(*some, family);
  for (NetConf* nic : all) nic->guests_default = guests_default(all, nic->same_switch ? conf : *nic);
}

bool asks_default(const NetConf& nic, net::Family family) {
  if (!has_family(nic, family)) return false;
  if (nic.default_route == true) return true;
  return !nic.same_switch && !nic.ipam.delegate && routes_default(nic, family);
}

std::vector<const NetConf*> nics(const NetConf& conf) {
  std::vector<const NetConf*> all = {&conf};
  for (const NetConf& nic : conf.more) all.push_back(&nic);
  return all;
}

net::IfName name_of(const NetConf& nic, const std::string& ifname) {
  return nic.nic ? *nic.nic : net::IfName::parse(ifname);
}

void check_names(const NetConf& conf, const std::string& ifname) {
  std::vector<std::pair<net::IfName, std::string>> taken;
  const auto take = [&](const net::IfName& name, const std::string& what) {
    for (const auto& [other, holder] : taken)
      if (other == name)
        throw Error(Code::bad_config, what + " would be called " + name.str() + " in the pod, as " + holder +
                                          " is; give one of them another \"name\"");
    taken.emplace_back(name, what);
  };
  const std::vector<const NetConf*> all = nics(conf);
  if (all.size() == 1) return;
  for (const NetConf* nic : all)
    take(name_of(*nic, ifname), nic->nic ? "interfaces: NIC " + nic->nic->str() : "the NIC of CNI_IFNAME");
  for (const NetConf* nic : all) {
    const net::IfName name = name_of(*nic, ifname);
    if (nic->tap) take(nic->tap->name.value_or(net::tap_name(name)), "the TAP of NIC " + name.str());
  }
}

void choose_tables(NetConf& conf, const std::string& ifname, bool second) {
  std::vector<std::uint32_t> taken;
  const bool several = second || !conf.more.empty();
  const auto choose = [&](NetConf& nic) {
    nic.source_table.reset();
    if (!nic.source_routing.value_or(several) || nic.tap || nic.mode == "chained") return;
    std::uint32_t table = net::source_table(name_of(nic, ifname));
    while (std::find(taken.begin(), taken.end(), table) != taken.end()) ++table;
    taken.push_back(table);
    nic.source_table = table;
  };
  choose(conf);
  for (NetConf& nic : conf.more) choose(nic);
}

}  // namespace trestle::config
