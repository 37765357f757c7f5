#include "modes/verdicts.h"

#include "modes/rules_text.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Table;

void add_rules(std::vector<plan::Step>& steps, const SwitchInput& in, std::string text) {
  steps.emplace_back(plan::Rules{"tables", tables_text()});
  steps.emplace_back(plan::Rules{in.conf.bridge.str(), std::move(text)});
}

void add_verdicts(std::vector<plan::Step>& steps, const SwitchInput& in, std::initializer_list<const char*> maps) {
  const net::IfName& bridge = in.conf.bridge;
  const auto lead = [&](const std::string& map) {
    steps.emplace_back(Elements{Table::inet, map, {Element{{bridge}, map + "-" + bridge.str()}}});
  };
  steps.emplace_back(Elements{Table::inet, "if-" + bridge.str(), {Element{{bridge}, {}}}});
  if (in.conf.uplink)
    steps.emplace_back(Elements{Table::inet, "up-" + bridge.str(), {Element{{in.conf.uplink->links.front()}, {}}}});
  steps.emplace_back(Elements{Table::inet, "switches", {Element{{bridge}, {}}}});
  for (const char* map : maps) lead(map);
  if (!in.conf.host_access.all) lead("input");
}

void add_apart(std::vector<plan::Step>& steps, const SwitchInput& in) {
  if (!in.conf.port_isolation) return;
  const net::IfName& bridge = in.conf.bridge;
  steps.emplace_back(Elements{Table::inet, "if-" + bridge.str(), {Element{{bridge}, {}}}});
  steps.emplace_back(Elements{Table::inet, "leave", {Element{{bridge}, "leave-" + bridge.str()}}});
}

void add_gateway_guard(std::vector<plan::Step>& steps, const SwitchInput& in) {
  if (in.facts.ipv6)
    steps.emplace_back(
        Elements{Table::bridge, "gateways", {Element{{net::link_local(net::switch_mac(in.conf.bridge))}, {}}}});
}

}  // namespace trestle::modes
