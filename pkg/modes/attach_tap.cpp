#include "modes/attach_tap.h"

#include "base/error.h"
#include "modes/gateway.h"
#include "net/alias.h"

namespace trestle::modes {

using plan::LinkRef;
using plan::Step;
using plan::Where;

namespace {

constexpr std::uint32_t kLeastIpv6 = 1280;  // below it a link has no IPv6, nor the keys to switch it off

net::IfName tap_link(const AttachmentInput& in) { return in.conf.tap->name.value_or(net::tap_name(in.nic())); }

std::uint32_t size_of(const AttachmentInput& in) {
  return in.conf.chained ? in.conf.chained->mtu : mtu(in.conf, in.facts);
}

// Nothing of the pod's own kernel may come out of it: the pod that a live migration goes to is attached minutes before its guest is there, with
// the guest's MAC, and one frame of its kernel leads the guest's traffic astray (kubevirt#17195). Without an address there is no ARP; IPv6
// has to be told.
void keep_silent(std::vector<Step>& steps, const AttachmentInput& in, const net::IfName& link) {
  if (in.facts.ipv6 && size_of(in) >= kLeastIpv6)
    steps.emplace_back(plan::Sysctl{Where::pod, "net/ipv6/conf/" + link.str() + "/disable_ipv6", "1"});
}

}  // namespace

void add_tap(std::vector<Step>& steps, const AttachmentInput& in) {
  const config::Tap& conf = *in.conf.tap;
  const net::IfName pod = in.nic(), tap = tap_link(in);
  if (tap == pod)
    throw base::Error(base::Code::bad_config, "the TAP of interface '" + pod.str() +
                                                  "' would have that name itself; give it another: \"tap\": {\"name\": "
                                                  "\"…\"}");
  if (!in.conf.chained) keep_silent(steps, in, pod);
  steps.emplace_back(plan::Tap{tap, net::host_side_mac(in.lease.mac), conf.owner, conf.group, conf.multi_queue,
                               size_of(in), conf.selinux_context, net::link_alias(in.owner, in.nic())});
  keep_silent(steps, in, tap);
  steps.emplace_back(plan::Redirect{pod, tap});
  if (!in.conf.chained) steps.emplace_back(plan::Up{LinkRef{Where::pod, pod}, !in.facts.ipv6});
  steps.emplace_back(plan::Up{LinkRef{Where::pod, tap}, !in.facts.ipv6});
  if (!in.conf.chained)  // the last: whatever comes then is the guest's
    steps.emplace_back(plan::Up{LinkRef{Where::host, net::host_link_name(in.owner, pod)}});
}

void add_tap_result(cni::Result& result, const AttachmentInput& in) {
  const std::string tap = tap_link(in).str();
  const std::uint32_t size = size_of(in);
  result.interfaces.push_back({tap, net::host_side_mac(in.lease.mac).str(), size, in.netns, "", ""});
  // Results before 0.3.0 know no interfaces: a second copy of an address would be refused as a second address.
  if (!in.conf.tap->vm_interface || !cni::at_least(in.conf.cni_version, "0.3.0")) return;
  const auto guest = static_cast<std::uint32_t>(result.interfaces.size());
  result.interfaces.push_back({tap, in.lease.mac.str(), size, in.owner.container, "", ""});
  for (const plan::LeasedIp& ip : in.lease.ips)
    result.ips.push_back({ip.cidr, in.conf.mode == "isolated" ? std::nullopt : ip.gateway, guest});
}

}  // namespace trestle::modes
