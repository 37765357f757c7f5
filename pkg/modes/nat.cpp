#include "modes/nat.h"

#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/rules_text.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Step;
using plan::Table;

plan::Shared nat_shared(const SwitchInput& in) {
  const net::IfName& bridge = in.conf.bridge;
  const std::string& sw = bridge.str();
  std::vector<Step> steps;
  add_forwarding(steps, in);
  add_switch(steps, in);
  steps.push_back(plan::Rules{"tables", tables_text()});
  steps.push_back(plan::Rules{sw, nat_text(bridge, in.conf.host_access)});
  const auto jump = [&](const char* map) {
    return Elements{Table::inet, map, {Element{{bridge}, std::string(map) + "-" + sw}}};
  };
  steps.push_back(Elements{Table::inet, "if-" + sw, {Element{{bridge}, {}}}});
  add_prefixes(steps, in);
  steps.push_back(Elements{Table::inet, "switches", {Element{{bridge}, {}}}});
  steps.push_back(jump("leave"));
  steps.push_back(jump("enter"));
  steps.push_back(jump("masq"));
  if (!in.conf.host_access.all) steps.push_back(jump("input"));
  if (in.facts.ipv6) steps.push_back(guard_gateway(net::switch_mac(bridge)));
  return {bridge, std::move(steps)};
}

std::vector<Step> nat_attachment(const AttachmentInput& in) {
  std::vector<Step> steps;
  add_guard(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  return steps;
}

cni::Result nat_result(const AttachmentInput& in) { return veth_result(in, net::switch_mac(in.conf.bridge)); }

}  // namespace trestle::modes
