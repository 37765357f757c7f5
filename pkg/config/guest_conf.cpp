#include "config/guest_conf.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"
#include "net/vm_identity.h"

namespace trestle::config {

namespace {

using cni::Field;

constexpr Key kGuestServices[] = {
    {"dhcp"},
    {"ra"},
    {"dns"},
    {"ntp"},
    {"dhcp4", Fate::foreign, "it is called \"dhcp\" here, for both families"},
    {"dhcp6", Fate::foreign, "it is called \"dhcp\" here, for both families"},
    {"slaac", Fate::foreign, "addresses are leased, and a guest with one of its own making would not pass the guard"},
    {"nameservers", Fate::foreign, "it stands in \"dns\", beside \"guestServices\""},
};

constexpr std::uint8_t kLeastPrefix6 = 64;  // dnsmasq takes no shorter one
constexpr std::size_t kMostNtp = 8;
constexpr std::size_t kMostLabel = 63;  // RFC 1035; dnsmasq dies of a longer one

bool flag(const Field& services, const char* key) {
  const auto field = services.find(key);
  return field && field->boolean();
}

// It ends in a line of dnsmasq's configuration, where a comma or a quote would begin something else.
std::string domain(const Field& field) {
  std::string text = field.string();
  if (text.size() > 1 && text.ends_with('.')) text.pop_back();  // of the root, as every name
  const bool plain = !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
  const auto labels = base::split(text, '.');
  const bool fits = std::ranges::all_of(labels, [](const std::string& label) {
    return !label.empty() && label.size() <= kMostLabel && label.front() != '-' && label.back() != '-';
  });
  if (!plain || !fits) field.refuse("\"" + base::printable(text) + "\" is no domain name that DHCP could tell");
  return text;
}

// The configuration's own, not the runtime's for this pod: one service speaks for the whole network.
void read_dns(const Field& conf, GuestServices& out) {
  const auto dns = conf.find("dns");
  if (!dns) return;
  if (const auto list = dns->find("nameservers"))
    for (const Field& item : list->items())
      if (const auto ip = net::Ip::try_parse(item.string()))
        out.nameservers.push_back(*ip);  // one with a zone is the host's
  if (const auto list = dns->find("search"))
    for (const Field& item : list->items()) out.search.push_back(domain(item));
  if (const auto name = dns->find("domain")) out.domain = domain(*name);
}

void read_ntp(const Field& services, GuestServices& out) {
  const auto list = services.find("ntp");
  if (!list) return;
  for (const Field& item : list->items()) {
    const auto ip = net::Ip::try_parse(item.string());
    if (!ip) item.refuse("\"" + base::printable(item.string()) + "\" is no IPv4 or IPv6 address");
    out.ntp.push_back(*ip);
  }
  if (out.ntp.size() > kMostNtp) list->refuse("has more than " + std::to_string(kMostNtp) + " servers");
}

std::vector<std::string> names(const Field& conf, const cni::Args& args) {
  std::vector<std::string> out;
  const auto metadata = conf.find("args");
  const auto ours = metadata ? metadata->find("cni") : std::nullopt;
  const auto vm = ours ? ours->find("vm") : std::nullopt;
  if (vm && vm->raw().is_string()) out.push_back(vm->string());
  const auto pod = args.k8s.find("K8S_POD_NAME"), space = args.k8s.find("K8S_POD_NAMESPACE");
  if (pod == args.k8s.end()) return out;
  // The VM's own name first: the pod's is another one after each restart and migration.
  for (const std::string& name : {net::vm_of_pod(pod->second), pod->second}) {
    if (name.empty()) continue;
    out.push_back(name);
    if (space != args.k8s.end()) out.push_back(name + "." + space->second);
  }
  return out;
}

void check_range(const Field& services, const GuestServices& wanted, const ipam::Range& range) {
  const std::string subnet = range.subnet.str();
  if (!range.gateway || !range.subnet.contains(*range.gateway))
    services.refuse("the service needs an address of the switch in each subnet, and " + subnet +
                    (range.gateway ? " has its gateway outside" : " has no room for one"));
  if (wanted.dhcp && range.subnet.ip.family == net::Family::v6 && range.subnet.length < kLeastPrefix6)
    services.refuse("DHCPv6 and RA need a subnet of /64 or longer, not " + subnet);
}

void check(const Field& services, const GuestServices& wanted, const NetConf& out) {
  if (out.mode == "bridge")
    services.refuse(
        "in mode \"bridge\" guests are served by the LAN; leave it out, or take \"nat\", \"routed\" or \"isolated\"");
  if (out.mode == "chained")
    services.refuse(
        "the interface is another plugin's, and so are its addresses; leave it out, or let trestle make it");
  if (out.ipam.delegate)
    services.refuse(
        "needs the leases of the built-in IPAM, and \"ipam.type\" names another plugin; give \"subnets\" instead");
  if (out.ipam.ranges.empty())
    services.refuse("needs addresses to give: add \"subnets\": [\"10.88.0.0/16\", \"fd88::/64\"]");
  if (wanted.ra && !wanted.dhcp)
    services.refuse(
        "\"ra\" needs \"dhcp\": advertisements send guests to DHCPv6 for the address that is leased to them");
  for (const ipam::RangeSet& set : out.ipam.ranges)
    for (const ipam::Range& range : set) check_range(services, wanted, range);
}

}  // namespace

std::optional<GuestServices> parse_guests(const Field& conf, const cni::Args& args, const NetConf& out) {
  const auto services = conf.find("guestServices");
  if (!services) return std::nullopt;
  check_keys(*services, kGuestServices);
  GuestServices wanted{flag(*services, "dhcp"), flag(*services, "ra"), flag(*services, "dns"), {}, {}, {}, {}, {}};
  if (!wanted.dhcp && !wanted.ra && !wanted.dns) return std::nullopt;
  check(*services, wanted, out);
  read_ntp(*services, wanted);
  read_dns(conf, wanted);
  wanted.names = names(conf, args);
  return wanted;
}

}  // namespace trestle::config
