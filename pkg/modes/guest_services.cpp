#include "modes/guest_services.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/service_text.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Table;

namespace {

std::string directory_of(const std::string& state_dir, const net::IfName& bridge) {
  return services_root(state_dir) + "/" + bridge.str();
}

std::string offers(const config::GuestServices& guests) {
  std::vector<std::string> out;
  if (guests.dhcp) out.emplace_back("DHCP");
  if (guests.ra) out.emplace_back("RA");
  if (guests.dns) out.emplace_back("DNS");
  return base::join(out, ", ");
}

// Are the service's ports to be opened? With `hostAccess` all of them are.
bool opens(const config::NetConf& conf) { return conf.guests && !conf.host_access.all; }

}  // namespace

std::string services_root(const std::string& state_dir) { return state_dir + "-services"; }

plan::Service service_by_name(const std::string& state_dir, const net::IfName& bridge) {
  return {bridge, directory_of(state_dir, bridge), "", {{kMainFile, ""}}};
}

void add_service(std::vector<Step>& steps, const SwitchInput& in) {
  if (!in.conf.guests) return;
  if (in.state_dir.find(',') != std::string::npos)
    throw base::Error(base::Code::bad_config, "\"stateDir\" " + in.state_dir +
                                                  ": dnsmasq takes no comma in a path; with \"guestServices\" give "
                                                  "one without");
  plan::Service service = service_by_name(in.state_dir, in.conf.bridge);
  service.offers = offers(*in.conf.guests);
  service.files = {{kMainFile, main_text(in.conf, service.directory)}};
  const std::string network = network_text(in.conf, mtu(in.conf, in.facts));
  // The text's hash is in the name: an older configuration of the network may have attachments yet.
  if (!network.empty())
    service.files.push_back({"networks/" + base::hex(base::hash64(network), 16) + ".conf", network});
  steps.emplace_back(std::move(service));
}

void add_guest_host(std::vector<Step>& steps, const AttachmentInput& in) {
  if (!in.conf.guests || in.lease.ips.empty()) return;
  plan::GuestHost host{directory_of(in.state_dir, in.conf.bridge), in.lease.mac, {}, {}};
  for (const plan::LeasedIp& ip : in.lease.ips) host.addresses.push_back(ip.cidr.ip);
  const std::string id = net::host_link_name(in.owner, in.nic()).str();
  const std::vector<std::string> names = guest_names(*in.conf.guests, in.owner.container);
  if (in.conf.guests->dns) host.files.push_back({"names/" + id, names_text(*in.conf.guests, names, in.lease)});
  if (in.conf.guests->dhcp) host.files.push_back({"hosts/" + id, host_text(names, in.lease)});
  if (!host.files.empty()) steps.emplace_back(std::move(host));
}

bool keeps_host_out(const config::NetConf& conf) {
  return conf.mode == "isolated" && !conf.host_access.all && (conf.guests || !conf.host_access.none());
}

std::string service_input(const config::NetConf& conf) {
  if (!opens(conf)) return "";
  std::string out;
  if (conf.guests->dhcp) out += "  udp dport 67 return\n  udp dport 547 return\n";
  if (conf.guests->dns)
    out +=
        "  ip daddr @serve4-$ udp dport 53 return\n  ip daddr @serve4-$ tcp dport 53 return\n"
        "  ip6 daddr @serve6-$ udp dport 53 return\n  ip6 daddr @serve6-$ tcp dport 53 return\n";
  return out;
}

std::string service_sets(const config::NetConf& conf) {
  return opens(conf) && conf.guests->dns ? "set serve4-$ ipv4_addr\nset serve6-$ ipv6_addr\n" : "";
}

void add_service_addresses(std::vector<Step>& steps, const SwitchInput& in) {
  if (!opens(in.conf) || !in.conf.guests->dns) return;
  Elements v4{Table::inet, "serve4-" + in.conf.bridge.str(), {}}, v6{Table::inet, "serve6-" + in.conf.bridge.str(), {}};
  for (const ipam::RangeSet& set : in.conf.ipam.ranges)
    for (const ipam::Range& range : set) {
      if (!range.gateway) continue;
      Elements& to = range.gateway->family == net::Family::v4 ? v4 : v6;
      const Element element{{*range.gateway}, {}};
      if (std::find(to.elements.begin(), to.elements.end(), element) == to.elements.end())
        to.elements.push_back(element);
    }
  for (Elements* some : {&v4, &v6})
    if (!some->elements.empty()) steps.emplace_back(std::move(*some));
}

std::string service_output(const config::NetConf& conf) {
  if (!keeps_host_out(conf)) return "";
  std::string out = "chain hostout-$\n  ct state established,related return\n";
  // A DHCP server answers to where nobody has an address yet: no connection that conntrack would know.
  if (conf.guests && conf.guests->dhcp) out += "  udp sport 67 return\n  udp sport 547 return\n";
  for (const char* type : {"nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-advert", "mld2-listener-report"})
    out += "  icmpv6 type " + std::string(type) + " return\n";
  return out + "  meta l4proto tcp reject with tcp reset\n  reject with icmpx admin-prohibited\n";
}

}  // namespace trestle::modes
