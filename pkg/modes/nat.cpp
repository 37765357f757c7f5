#include "modes/nat.h"

#include "modes/attach_veth.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/guest_services.h"
#include "modes/publish.h"
#include "modes/rules_text.h"
#include "modes/tunnel.h"
#include "modes/verdicts.h"

namespace trestle::modes {

plan::Shared nat_shared(const SwitchInput& in) {
  std::vector<plan::Step> steps;
  add_forwarding(steps, in);
  add_gateway_switch(steps, in);
  add_own_forwarding(steps, in);
  add_rules(steps, in, nat_text(in.conf) + tunnel_text(in));
  add_localnet(steps, in);
  add_prefixes(steps, in);
  add_verdicts(steps, in, {"leave", "enter", "masq", "hairpin"});
  add_service_addresses(steps, in);
  add_gateway_guard(steps, in);
  add_service(steps, in);
  add_tunnel(steps, in);
  return {in.conf.bridge, std::move(steps)};
}

std::vector<plan::Step> nat_attachment(const AttachmentInput& in) {
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  add_publish(steps, in);
  add_veth(steps, in);
  add_addresses(steps, in);
  add_endpoint(steps, in);
  add_guest_host(steps, in);
  return steps;
}

}  // namespace trestle::modes
