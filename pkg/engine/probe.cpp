#include "engine/probe.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "engine/apply.h"
#include "kernel/scratch_netns.h"

namespace trestle::engine {

namespace {

// Of the shared part, what a namespace without the host's NICs can have. A bridge that the host has already is stood in for.
std::vector<plan::Step> without_nics(const std::vector<plan::Step>& shared, const std::vector<plan::Step>& attachment) {
  std::vector<plan::Step> out;
  std::set<net::IfName> made;
  for (const plan::Step& step : shared)
    if (const auto* bridge = std::get_if<plan::Bridge>(&step)) made.insert(bridge->link);
  for (const plan::Step& step : attachment)
    if (const auto* veth = std::get_if<plan::Veth>(&step); veth && made.insert(veth->master).second)
      out.push_back(plan::Bridge{veth->master, veth->host_mac, veth->mtu, 1, false});
  for (const plan::Step& step : shared) {
    const auto* vlans = std::get_if<plan::Vlans>(&step);
    const bool of_nic = std::holds_alternative<plan::Uplink>(step) || std::holds_alternative<plan::Bond>(step) ||
                        std::holds_alternative<plan::TakeAddresses>(step) || (vlans && !made.contains(vlans->link));
    const auto* neighbour = std::get_if<plan::Neighbour>(&step);
    if (neighbour && neighbour->proxy) continue;
    const auto* sysctl = std::get_if<plan::Sysctl>(&step);
    const bool elsewhere = sysctl && sysctl->key.find("/conf/") != std::string::npos &&
                           std::none_of(made.begin(), made.end(),
                                        [&](const net::IfName& link) {
                                          return sysctl->key.find("/conf/" + link.str() + "/") != std::string::npos;
                                        }) &&
                           sysctl->key.find("/conf/all/") == std::string::npos;
    const auto* vxlan = std::get_if<plan::Vxlan>(&step);
    if (vxlan && vxlan->underlay) continue;
    const bool on_disk = std::holds_alternative<plan::File>(step) || std::holds_alternative<plan::Service>(step);
    if (!of_nic && !elsewhere && !on_disk) out.push_back(step);
  }
  return out;
}

}  // namespace

void probe(const std::vector<plan::Step>& shared, const std::vector<plan::Step>& attachment) {
  const kernel::Home home;
  base::Fd pod;
  {
    const kernel::InScratchNetns inside(home);
    pod = inside.open();
  }
  const kernel::InScratchNetns host(home);
  Context context(0, 0);
  context.set_pod(std::move(pod));
  apply_shared(context, without_nics(shared, attachment));
  std::vector<plan::Step> steps = attachment;
  std::erase_if(steps, [](const plan::Step& step) {
    const auto* neighbour = std::get_if<plan::Neighbour>(&step);
    if (std::holds_alternative<plan::GuestHost>(step)) return true;
    return neighbour && neighbour->link.where == plan::Where::host;  // of a NIC
  });
  if (!apply_attachment(context, steps))
    throw base::Error(base::Code::bug, "probe: an nftables set that was just made is gone");
}

}  // namespace trestle::engine
