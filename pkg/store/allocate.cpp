#include "store/allocate.h"

#include <algorithm>

#include "base/error.h"

namespace trestle::store {
namespace {

[[noreturn]] void full(Segment& segment, const ipam::RangeSet& set) {
  const std::string n = std::to_string(ipam::capacity(set));
  if (const std::size_t away = segment.moved_of(set))
    throw base::Error(base::Code::pool_full,
                      "no free address in " + ipam::text(set) + " on " + segment.name() + ": " + std::to_string(away) +
                          " of " + n + (away == 1 ? " is that of a VM that" : " are those of VMs that") +
                          " moved to another node, the rest is in use; widen the range, or, when those VMs are gone "
                          "there too, let this node forget them: rm -r " +
                          segment.path());
  throw base::Error(base::Code::pool_full,
                    "no free address in " + ipam::text(set) + " on " + segment.name() + ": all " + n + " of " + n +
                        " are in use; remove attachments that are no longer needed (trestle ps) or widen the range");
}

std::optional<net::Ip> take_of(Segment& segment, const std::vector<net::Ip>& kin, const ipam::RangeSet& set) {
  const auto ip =
      std::find_if(kin.begin(), kin.end(), [&](const net::Ip& held) { return ipam::range_of(set, held) != nullptr; });
  if (ip == kin.end()) return std::nullopt;
  segment.take(*ip);
  return *ip;
}

std::optional<net::Ip> take_preferred(Segment& segment, const net::VmNic& vm, const ipam::RangeSet& set) {
  const net::Ip ip = ipam::preferred(set, net::vm_hash(vm));
  if (segment.used(ip)) return std::nullopt;
  segment.take(ip);
  return ip;
}

// An address that a VM took along. Of another node's part (a range of its own, config nodeRange) that node says whose it is by now: it may have
// given it to the next VM, and that one comes here.
bool take_back(Segment& segment, const Reservation& reservation, const ipam::Want& want) {
  const ipam::Range* range = ipam::range_of(*want.set, *want.wanted);
  const bool visiting = range != nullptr && range->first == range->last;
  return (visiting || reservation.mac) && segment.take_moved(*want.wanted, visiting ? std::nullopt : reservation.mac);
}

}  // namespace

std::vector<plan::LeasedIp> allocate(Segment& segment, const Reservation& reservation, const std::vector<net::Ip>& kin,
                                     const std::function<std::string(const net::Ip&)>& holder) {
  std::vector<plan::LeasedIp> leased;
  // The requested ones first, so that no other want of this call is given them.
  for (const ipam::Want& want : reservation.wants) {
    if (!want.wanted) continue;
    const bool shared = std::find(kin.begin(), kin.end(), *want.wanted) != kin.end();
    const bool taken = !shared && segment.used(*want.wanted) && !segment.take_resting(*want.wanted) &&
                       !take_back(segment, reservation, want);
    if (segment.in_doubt()) return {};
    if (taken) {
      const std::string name = holder(*want.wanted);
      if (name.empty() && segment.distrust()) return {};
      throw base::Error(base::Code::held,
                        "address " + want.wanted->str() + " is held by " + (name.empty() ? "another request" : name));
    }
    segment.take(*want.wanted);
  }
  for (const ipam::Want& want : reservation.wants) {
    std::optional<net::Ip> ip = want.wanted;
    if (!ip) ip = take_of(segment, kin, *want.set);
    if (!ip && reservation.mac) ip = segment.take_resting_of(*reservation.mac, *want.set);
    if (!ip && reservation.vm && reservation.mac) ip = segment.take_moved_of(*reservation.mac, *want.set);
    if (!ip && reservation.vm) ip = take_preferred(segment, *reservation.vm, *want.set);
    if (!ip) ip = segment.take_next(*want.set);
    if (!ip) ip = segment.take_oldest_resting(*want.set);
    if (segment.in_doubt()) return {};
    if (!ip) full(segment, *want.set);
    const ipam::Range* range = ipam::range_of(*want.set, *ip);
    if (range == nullptr)
      throw base::Error(base::Code::bad_config, "requested address " + ip->str() + " lies in no range");
    leased.push_back({{*ip, range->subnet.length}, range->gateway});
  }
  return leased;
}

}  // namespace trestle::store
