#include "modes/isolated.h"

#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/guest_services.h"
#include "modes/rules_text.h"
#include "modes/tunnel.h"
#include "modes/verdicts.h"

namespace trestle::modes {

namespace {

// Does the host have no address there?
bool bare(const config::NetConf& conf) { return conf.host_access.none() && !conf.guests; }

}  // namespace

plan::Shared isolated_shared(const SwitchInput& in) {
  std::vector<plan::Step> steps;
  if (bare(in.conf))
    add_bare_switch(steps, in, net::switch_mac(in.conf.bridge));
  else
    add_gateway_switch(steps, in);
  add_rules(steps, in, isolated_text(in.conf) + tunnel_text(in));
  add_verdicts(steps, in, {"leave", "enter"});
  if (keeps_host_out(in.conf))
    steps.emplace_back(plan::Elements{
        plan::Table::inet, "hostout", {plan::Element{{in.conf.bridge}, "hostout-" + in.conf.bridge.str()}}});
  add_service_addresses(steps, in);
  if (!bare(in.conf)) add_gateway_guard(steps, in);
  add_service(steps, in);
  add_tunnel(steps, in);
  return {in.conf.bridge, std::move(steps)};
}

std::vector<plan::Step> isolated_attachment(const AttachmentInput& in) {
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  if (bare(in.conf)) keep_from_host(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  add_endpoint(steps, in);
  add_guest_host(steps, in);
  return steps;
}

}  // namespace trestle::modes
