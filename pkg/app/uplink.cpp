#include "app/uplink.h"

#include <net/if.h>

#include <algorithm>

#include "app/shared.h"
#include "base/error.h"
#include "engine/uplink.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "net/names.h"
#include "plan/nic_use.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

std::vector<net::Cidr> addresses_on(Session& session, std::uint32_t link) {
  std::vector<net::Cidr> out = kernel::addresses(session.context().route(), link);
  std::erase_if(
      out, [](const net::Cidr& address) { return address.ip.family == net::Family::v6 && address.ip.is_link_local(); });
  return out;
}

// The NIC that the host's addresses on the part's switch belong on: the one that they were taken from, else its uplink, or the first of several.
std::optional<net::IfName> nic_of(const store::Part& part) {
  std::optional<net::IfName> out;
  for (const plan::Step& step : part.steps) {
    if (const auto* take = std::get_if<plan::TakeAddresses>(&step)) return take->nic;
    if (const auto* bond = std::get_if<plan::Bond>(&step)) out = bond->members.front();
    if (const auto* uplink = std::get_if<plan::Uplink>(&step); uplink && !out) out = uplink->nic;
  }
  return out;
}

bool takes(const store::Part& part) {
  return std::ranges::any_of(part.steps,
                             [](const plan::Step& step) { return std::holds_alternative<plan::TakeAddresses>(step); });
}

// "veth" and 11 hex digits (net::host_link).
bool is_pods(const std::string& name) {
  return name.starts_with("veth") && name.size() == IFNAMSIZ - 1 &&
         name.find_first_not_of("0123456789abcdef", 4) == std::string::npos;
}

// Are its pods on that switch, or do they leave the host by it?
bool needs(const store::Part& part, const net::IfName& bridge) {
  return part.bridge == bridge || std::ranges::any_of(plan::nic_uses(part.steps), [&](const plan::NicUse& use) {
           return use.nic == bridge && use.kind == plan::NicUse::Kind::way_out;
         });
}

// The port of the switch that no pod is behind.
std::optional<net::IfName> nic_below(Session& session, const kernel::LinkInfo& bridge) {
  for (const kernel::LinkInfo& port : kernel::dump_links(session.context().route(), bridge.index))
    if (!is_pods(port.name)) return net::IfName::parse(port.name);
  return std::nullopt;
}

}  // namespace

std::vector<TakenUplink> taken_uplinks(Session& session) {
  std::vector<TakenUplink> out;
  std::vector<net::IfName> known;
  if (session.has_store())
    for (const store::Part& part : session.store().parts()) {
      const auto same =
          std::find_if(out.begin(), out.end(), [&](const auto& other) { return other.bridge == part.bridge; });
      if (same != out.end() || std::find(known.begin(), known.end(), part.bridge) == known.end())
        known.push_back(part.bridge);
      auto nic = nic_of(part);
      if (!nic || (!takes(part) && !engine::lives_on(session.context(), part.bridge))) continue;
      const bool used = !session.store().part_unused({part.bridge, part.digest}, false);
      if (same != out.end()) {
        same->parts_in_use += used ? 1 : 0;
        continue;
      }
      const auto link = kernel::get_link(session.context().route(), part.bridge);
      if (link && !kernel::link_index(session.context().route(), *nic)) {  // somebody renamed it
        const auto port = nic_below(session, *link);
        nic = port ? port : nic;
      }
      out.push_back({*nic, part.bridge, link ? addresses_on(session, link->index) : std::vector<net::Cidr>{},
                     used ? std::size_t{1} : 0});
    }
  const std::uint32_t group = net::switch_group(session.settings().state_dir);
  for (const kernel::LinkInfo& link : kernel::dump_links(session.context().route())) {
    if (link.kind != "bridge" || link.group != group) continue;
    const net::IfName bridge = net::IfName::parse(link.name);
    if (std::find(known.begin(), known.end(), bridge) != known.end()) continue;
    const auto nic = nic_below(session, link);
    std::vector<net::Cidr> addresses = addresses_on(session, link.index);
    if (nic && !addresses.empty()) out.push_back({*nic, bridge, std::move(addresses), 0});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.bridge < b.bridge; });
  return out;
}

std::vector<std::string> release_uplink(Session& session, const TakenUplink& uplink) {
  const plan::TakeAddresses step{uplink.nic, uplink.bridge, {}, {}};
  if (!session.has_store()) {
    engine::give_back(session.context(), step);
    return {};
  }
  {
    const store::Lock lock = session.store().locks().switch_exclusive(uplink.bridge, session.deadline());
    std::vector<std::string> networks;
    for (const store::Part& part : session.store().parts())
      if (needs(part, uplink.bridge) && !session.store().part_unused({part.bridge, part.digest}, true))
        networks.push_back("'" + part.network + "'");
    if (!networks.empty())
      throw Error(Code::held,
                  "switch " + uplink.bridge.str() + " has pods of network " + networks.front() +
                      ", or they leave by it, which would lose the LAN; DEL them first (trestle ps lists them)");
    engine::give_back(session.context(), step);
  }
  std::vector<std::string> failed = release_unused(session);
  for (std::string& line : release_unknown(session)) failed.push_back(std::move(line));
  return failed;
}

}  // namespace trestle::app
