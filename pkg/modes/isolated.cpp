#include "modes/isolated.h"

#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/rules_text.h"
#include "modes/verdicts.h"

namespace trestle::modes {

plan::Shared isolated_shared(const SwitchInput& in) {
  std::vector<plan::Step> steps;
  if (in.conf.host_access.none())
    add_bare_switch(steps, in, net::switch_mac(in.conf.bridge));
  else
    add_gateway_switch(steps, in);
  add_rules(steps, in, isolated_text(in.conf));
  add_verdicts(steps, in, {"leave", "enter"});
  if (!in.conf.host_access.none()) add_gateway_guard(steps, in);
  return {in.conf.bridge, std::move(steps)};
}

std::vector<plan::Step> isolated_attachment(const AttachmentInput& in) {
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  if (in.conf.host_access.none()) keep_from_host(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  return steps;
}

}  // namespace trestle::modes
