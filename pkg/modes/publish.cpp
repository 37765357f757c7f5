#include "modes/publish.h"

#include <algorithm>

#include "base/error.h"
#include "modes/gateway.h"

namespace trestle::modes {

namespace {

std::string port_text(const config::PortMapping& mapping) {
  return "host port " + std::to_string(mapping.host_port) + "/" + mapping.protocol;
}

// Two entries of one call that lead one port to different places.
void refuse_twice(const plan::Publish& all, const plan::Mapping& one, const config::PortMapping& asked) {
  for (const plan::Mapping& other : all.mappings)
    if (other.protocol == one.protocol && other.host_port == one.host_port && other.host_ip == one.host_ip &&
        other.address.family == one.address.family)
      throw base::Error(base::Code::bad_config,
                        port_text(asked) + " is asked for twice, with different container ports");
}

}  // namespace

plan::Publish published(const config::NetConf& conf, const plan::Lease& lease) {
  plan::Publish out;
  for (const config::PortMapping& asked : conf.port_mappings) {
    // A packet from outside to ::1 is none, and what the host itself sends there cannot leave for a pod: no kernel translates it.
    if (asked.host_ip && asked.host_ip->family == net::Family::v6 && asked.host_ip->is_loopback())
      throw base::Error(base::Code::bad_config, port_text(asked) +
                                                    ": the kernel leads nothing from ::1 to a pod; take hostIP "
                                                    "127.0.0.1, or another address of the host");
    bool led = false;
    for (const net::Family family : {net::Family::v4, net::Family::v6}) {
      if (asked.host_ip && asked.host_ip->family != family) continue;
      const auto ip = std::find_if(lease.ips.begin(), lease.ips.end(),
                                   [&](const plan::LeasedIp& leased) { return leased.cidr.ip.family == family; });
      if (ip == lease.ips.end()) continue;
      plan::Mapping one{asked.protocol, asked.host_ip, asked.host_port, ip->cidr.ip, asked.container_port};
      if (one.host_ip && one.host_ip->is_unspecified()) one.host_ip.reset();
      led = true;
      if (std::find(out.mappings.begin(), out.mappings.end(), one) != out.mappings.end()) continue;
      refuse_twice(out, one, asked);
      out.mappings.push_back(std::move(one));
    }
    // Some runtimes ask for 0.0.0.0 and :: at once, whatever the pod has.
    if (!led && !(asked.host_ip && asked.host_ip->is_unspecified()))
      throw base::Error(base::Code::bad_config, port_text(asked) + ": hostIP " + asked.host_ip->str() +
                                                    " is of a family that the pod has no address of");
  }
  return out;
}

void add_publish(std::vector<plan::Step>& steps, const AttachmentInput& in) {
  if (in.conf.ipam.delegate && in.lease.ips.empty()) return;  // its addresses come later
  plan::Publish all = published(in.conf, in.lease);
  if (!all.mappings.empty()) steps.emplace_back(std::move(all));
}

// Not behind a TAP: a guest that gets its own frames back fails its DAD, and a bridge in it learns its own MACs outside.
bool needs_hairpin(const config::NetConf& conf) { return !conf.port_mappings.empty() && !conf.tap; }

std::string localnet_key(const net::IfName& link) { return "net/ipv4/conf/" + link.str() + "/route_localnet"; }

// It was on wherever the capability was declared, and stayed on another plugin's bridge after the last DEL, when the rules were gone: every pod
// there reached what listens on the host's 127.0.0.1 (CVE-2020-8558).
void add_localnet(std::vector<plan::Step>& steps, const SwitchInput& in) {
  const auto by_loopback = [](const config::PortMapping& mapping) {
    const auto& ip = mapping.host_ip;
    return !ip || (ip->family == net::Family::v4 && (ip->is_unspecified() || ip->is_loopback()));
  };
  if (!in.conf.publishes || !has_family(in.conf, net::Family::v4)) return;
  if (!std::any_of(in.conf.port_mappings.begin(), in.conf.port_mappings.end(), by_loopback)) return;
  steps.emplace_back(plan::Sysctl{plan::Where::host, localnet_key(in.conf.bridge), "1", false,
                                  in.conf.chained ? in.facts.localnet : "0"});
}

}  // namespace trestle::modes
