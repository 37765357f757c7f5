#include "plan/nic_use.h"

#include <string_view>

namespace trestle::plan {

namespace {

constexpr std::string_view kWays = "up-";

void add_ways(std::vector<NicUse>& out, const Elements& set) {
  if (set.table != Table::inet || !set.set.starts_with(kWays)) return;
  const net::IfName bridge = net::IfName::parse(set.set.substr(kWays.size()));
  for (const Element& element : set.elements)
    if (element.key.size() == 1)
      if (const auto* nic = std::get_if<net::IfName>(&element.key[0]))
        out.push_back({*nic, NicUse::Kind::way_out, bridge});
}

}  // namespace

std::vector<NicUse> nic_uses(const std::vector<Step>& steps) {
  std::vector<NicUse> out;
  for (const Step& step : steps) {
    if (const auto* uplink = std::get_if<Uplink>(&step))
      out.push_back({uplink->nic, NicUse::Kind::port, uplink->master});
    if (const auto* bond = std::get_if<Bond>(&step))
      for (const net::IfName& member : bond->members) out.push_back({member, NicUse::Kind::member, bond->link});
    if (const auto* set = std::get_if<Elements>(&step)) add_ways(out, *set);
  }
  return out;
}

std::string describe(const NicUse& use) {
  switch (use.kind) {
    case NicUse::Kind::port:
      return "a port of switch " + use.of.str();
    case NicUse::Kind::member:
      return "a member of bond " + use.of.str();
    case NicUse::Kind::way_out:
      return "the way out of switch " + use.of.str();
  }
  return {};
}

std::optional<NicConflict> nic_conflict(const std::vector<Step>& mine, const std::vector<Step>& theirs) {
  const std::vector<NicUse> others = nic_uses(theirs);
  for (const NicUse& a : nic_uses(mine))
    for (const NicUse& b : others) {
      const bool ways = a.kind == NicUse::Kind::way_out && b.kind == NicUse::Kind::way_out;
      if (a.nic == b.nic && a != b && !ways) return NicConflict{a, b};
    }
  return std::nullopt;
}

}  // namespace trestle::plan
