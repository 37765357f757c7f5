#include "engine/station.h"

#include <algorithm>

#include "base/error.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/vlan.h"

namespace trestle::engine {

void refuse_taken(Context& context, const plan::Fdb& step, std::uint32_t port_index) {
  // One segment: the store and the reservation have seen to it, and each request waits for the kernel's one lock.
  if (step.dst || (!step.vlan && !step.every_vlan)) return;
  kernel::Socket& host = context.route();
  std::vector<kernel::Station> others;
  if (step.every_vlan) {
    const auto port = kernel::get_link(host, port_index);
    if (!port) return;
    const std::set<std::uint16_t> own = kernel::vlans_of(host, port_index);
    others = kernel::stations(host, step.mac);
    std::erase_if(others,
                  [&](const kernel::Station& one) { return one.bridge != port->master || !own.contains(one.vlan); });
  } else if (const auto one = kernel::station(host, port_index, step.mac, step.vlan)) {
    others.push_back(*one);
  }
  for (const kernel::Station& other : others) {
    if (!other.fixed || other.port == port_index) continue;
    const auto holder = kernel::get_link(host, other.port);
    throw base::Error(base::Code::held, "MAC " + step.mac.str() + " is in VLAN " + std::to_string(other.vlan) +
                                            " already, behind " + (holder ? holder->name : "another port") +
                                            " of the switch; give this NIC another, or the network other \"subnets\"");
  }
}

std::optional<std::string> station_defect(Context& context, const plan::Fdb& step, std::uint32_t port_index) {
  kernel::Socket& host = context.route();
  const auto port = kernel::get_link(host, port_index);
  if (!step.dst && port && port->port_kind != "bridge")
    return std::nullopt;  // the kernel has no answer for one that is no port
  if (!step.every_vlan)
    return kernel::has_fdb(host, port_index, step) ? std::nullopt : std::optional<std::string>("is gone");
  std::set<std::uint16_t> missing = kernel::vlans_of(host, port_index);
  for (const kernel::Station& one : kernel::stations(host, step.mac))
    if (one.fixed && one.port == port_index) missing.erase(one.vlan);
  if (missing.empty()) return std::nullopt;
  return "is gone from VLAN " + std::to_string(*missing.begin()) +
         (missing.size() > 1 ? " and " + std::to_string(missing.size() - 1) + " more" : "");
}

}  // namespace trestle::engine
