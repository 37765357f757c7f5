#include "modes/service_text.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "modes/attach_veth.h"

namespace trestle::modes {

using net::Family;

namespace {

// IPv6 for a shorter time: dnsmasq keeps an address for the DUID that it was leased to, and a guest that boots another system has another.
constexpr const char* kLease4 = "1h";
constexpr const char* kLease6 = "10m";

constexpr std::size_t kLabel = 63;  // RFC 1035
const std::string kOwnDomain = "guests.internal";

std::string dotted(std::uint8_t length) {
  const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
  return net::Ip{Family::v4, mask}.str();
}

std::string bracketed(const net::Ip& ip) { return ip.family == Family::v6 ? "[" + ip.str() + "]" : ip.str(); }

std::string list(const std::vector<net::Ip>& ips, Family family) {
  std::vector<std::string> out;
  for (const net::Ip& ip : ips)
    if (ip.family == family) out.push_back(bracketed(ip));
  return base::join(out, ",");
}

// One subnet's lines; each option carries the subnet's tag.
class Subnet {
 public:
  Subnet(const config::NetConf& conf, const ipam::Range& range) : conf_(conf), guests_(*conf.guests), range_(range) {
    tag_ = "t" + base::hex(base::hash64(conf.name + " " + range.subnet.str()), 12);
  }

  std::string text(std::uint32_t mtu) {
    const bool v4 = range_.subnet.ip.family == Family::v4;
    out_ = "dhcp-range=set:" + tag_ + "," + range_.subnet.ip.str() + ",static," +
           (v4 ? dotted(range_.subnet.length) + "," + kLease4 : std::to_string(range_.subnet.length) + "," + kLease6) +
           "\n";
    if (v4) {
      add_routes();
      option("option:mtu", std::to_string(mtu));
      option("option:domain-name", guests_.domain);
    }
    const std::string family = v4 ? "option:" : "option6:";
    const std::string dns = list(servers(), v4 ? Family::v4 : Family::v6);
    if (!dns.empty()) option(family + "dns-server", dns);
    if (!guests_.search.empty()) option(family + "domain-search", base::join(guests_.search, ","));
    add_ntp(v4);
    return out_;
  }

 private:
  // Without a value dnsmasq leaves it out, and does not fill in what it thinks right.
  void option(const std::string& name, const std::string& value) {
    out_ += "dhcp-option=tag:" + tag_ + "," + name + (value.empty() ? "" : "," + value) + "\n";
  }

  std::vector<net::Ip> servers() const {
    return guests_.dns && range_.gateway ? std::vector<net::Ip>{*range_.gateway} : guests_.nameservers;
  }

  // As the pod's own: those of the configuration, and the default route. Nobody beyond an isolated switch to send anything to.
  void add_routes() {
    const plan::Lease lease{{{{range_.subnet.ip, range_.subnet.length}, range_.gateway}}, net::Mac{}};
    std::vector<std::string> all;
    std::string router;
    // The same for all guests of the network, wherever the pod of one has its default route.
    config::NetConf all_alike = conf_;
    all_alike.default_route = conf_.guests_default;
    all_alike.default_elsewhere.clear();
    for (const cni::ResultRoute& route : routes(all_alike, lease)) {
      if (route.dst.ip.family != Family::v4 || route.table) continue;
      if (route.dst.length == 0 && (conf_.mode == "isolated" || !route.gw)) continue;
      if (route.dst.length == 0) router = route.gw->str();
      all.push_back(route.dst.str() + "," + (route.gw ? route.gw->str() : "0.0.0.0"));
    }
    option("option:router", router);
    if (!all.empty()) option("option:classless-static-route", base::join(all, ","));
  }

  void add_ntp(bool v4) {
    const std::string all = list(guests_.ntp, v4 ? Family::v4 : Family::v6);
    if (all.empty()) return;
    if (v4) return option("option:ntp-server", all);
    option("option6:sntp-server", all);
    std::string suboptions;  // RFC 5908: one address each
    for (const net::Ip& ip : guests_.ntp) {
      if (ip.family != Family::v6) continue;
      suboptions += (suboptions.empty() ? "" : ":") + std::string("00:01:00:10");
      for (const char byte : ip.bytes()) suboptions += ":" + base::hex(static_cast<unsigned char>(byte), 2);
    }
    option("option6:56", suboptions);
  }

  const config::NetConf& conf_;
  const config::GuestServices& guests_;
  const ipam::Range& range_;
  std::string tag_, out_;
};

// "" when nothing of the text can stand in a label.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kLabel)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 && byte < 0x80;
    if (!plain && out.empty()) continue;
    out += plain ? static_cast<char>(std::tolower(byte)) : '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

}  // namespace

// Options of a single guest would need tags in its line of `hosts`: dnsmasq 2.90 dies of them (it frees what a lease still points to) when it
// reads that file again. Nor does it read it from a dhcp-hostsdir: it dies of a file that went. `domain` with dhcp-fqdn: without them a
// lease's name stays in DNS, and leads to whoever has the address next, until the lease is over.
std::string main_text(const config::NetConf& conf, const std::string& directory) {
  const config::GuestServices& guests = *conf.guests;
  const std::string& bridge = conf.bridge.str();
  std::string out = "# Made by trestle for switch " + bridge + "; removed with it.\ninterface=" + bridge +
                    "\nexcept-interface=lo\nbind-dynamic\nno-hosts\npid-file=\nlog-facility=-\nconf-dir=" + directory +
                    "/networks,*.conf\n";
  if (guests.dns)
    out += "addn-hosts=" + directory + "/names\ndomain-needed\nbogus-priv\n";
  else
    out += "port=0\n";
  if (conf.mode == "isolated") out += "no-resolv\n";
  if (guests.dhcp)
    out +=
        "dhcp-authoritative\ndhcp-ignore=tag:!known\ndhcp-ignore-names\ndomain=guests.invalid\ndhcp-fqdn\nno-ping\n"
        "dhcp-lease-max=65536\nquiet-dhcp\nquiet-dhcp6\ndhcp-leasefile=" +
        directory + "/leases\ndhcp-hostsfile=" + directory + "/hosts\n";
  if (guests.ra) out += "enable-ra\nquiet-ra\n";
  if (guests.ra && conf.mode == "isolated") out += "ra-param=" + bridge + ",0,0\n";  // prefixes, but no router
  return out;
}

std::string network_text(const config::NetConf& conf, std::uint32_t mtu) {
  const config::GuestServices& guests = *conf.guests;
  std::string out;
  if (guests.dhcp)
    for (const ipam::RangeSet& set : conf.ipam.ranges)
      for (const ipam::Range& range : set) out += Subnet(conf, range).text(mtu);
  if (guests.dns && conf.mode != "isolated" && !guests.nameservers.empty()) {
    out += "no-resolv\n";
    for (const net::Ip& ip : guests.nameservers) out += "server=" + ip.str() + "\n";
  }
  return out.empty() ? "" : "# Network " + conf.name + "\n" + out;
}

std::vector<std::string> guest_names(const config::GuestServices& guests, const std::string& container) {
  constexpr std::size_t kShort = 12;  // as container tools show an id
  std::vector<std::string> out;
  const auto add = [&](std::string name) {
    if (!name.empty() && name != "localhost" && std::find(out.begin(), out.end(), name) == out.end())
      out.push_back(std::move(name));
  };
  for (const std::string& name : guests.names) {
    const std::size_t dot = name.rfind('.');
    const bool with_space = dot != name.npos && std::find(guests.names.begin(), guests.names.end(),
                                                          name.substr(0, dot)) != guests.names.end();
    const std::string space = with_space ? label(std::string_view(name).substr(dot + 1)) : "";
    const std::string first = label(with_space ? name.substr(0, dot) : name);
    add(first.empty() || space.empty() ? first : first + "." + space);
  }
  if (container.size() > kShort) add(label(std::string_view(container).substr(0, kShort)));
  if (container.size() <= kLabel) add(label(container));
  return out;
}

std::string names_text(const config::GuestServices& guests, const std::vector<std::string>& names,
                       const plan::Lease& lease) {
  std::string all;
  for (const std::string& name : names) {
    const bool with_space = name.find('.') != name.npos;
    // Never by itself: pod "google" in namespace "com" would be google.com to all guests.
    if (with_space || !guests.domain.empty())
      all += " " + name + "." + (guests.domain.empty() ? kOwnDomain : guests.domain);
    if (!with_space) all += " " + name;
  }
  std::string out;
  for (const plan::LeasedIp& ip : lease.ips)
    if (!all.empty()) out += ip.cidr.ip.str() + all + "\n";
  return out;
}

std::string host_text(const std::vector<std::string>& names, const plan::Lease& lease) {
  std::string out = lease.mac.str();
  bool has_v4 = false;  // one IPv4 address per MAC is all that DHCP gives
  for (const plan::LeasedIp& ip : lease.ips) {
    if (ip.cidr.ip.family == Family::v4 && std::exchange(has_v4, true)) continue;
    out += "," + bracketed(ip.cidr.ip);
  }
  return out + (names.empty() ? "" : "," + names.front()) + "\n";
}

}  // namespace trestle::modes
