#include "modes/chained.h"

#include "modes/attach_tap.h"
#include "modes/gateway.h"
#include "modes/guard.h"
#include "modes/publish.h"
#include "modes/rules_text.h"
#include "modes/shaping.h"
#include "modes/verdicts.h"

namespace trestle::modes {

using plan::Element;
using plan::Elements;
using plan::Table;

base::Error not_chained(const config::NetConf& conf) {
  return {base::Code::bad_config,
          "network '" + conf.name +
              "' needs addresses for its pods: add \"subnets\": [\"10.88.0.0/16\", \"fd88::/64\"] or an \"ipam\" with "
              "ranges; or put trestle behind the plugin that makes the interface, whose result it then adds to"};
}

plan::Shared chained_shared(const SwitchInput& in) {
  if (!in.conf.chained) throw not_chained(in.conf);
  std::vector<plan::Step> steps;
  if (in.conf.publishes) add_forwarding(steps, in);
  add_rules(steps, in, chained_text(in.conf));
  add_localnet(steps, in);
  if (in.conf.chained->bridge_mac) add_apart(steps, in);
  add_prefixes(steps, in);
  const net::IfName& link = in.conf.bridge;
  if (in.conf.publishes)
    steps.emplace_back(Elements{Table::inet, "hairpin", {Element{{link}, "hairpin-" + link.str()}}});
  return {link, std::move(steps)};
}

std::vector<plan::Step> chained_attachment(const AttachmentInput& in) {
  if (!in.conf.chained) throw not_chained(in.conf);
  const config::Chained& of = *in.conf.chained;
  std::vector<plan::Step> steps;
  add_guard(steps, in);
  add_publish(steps, in);
  const bool locked = of.port && locks_port(in.conf);
  // Before the lock: the pod speaks already. Which VLAN it is in is the other plugin's to say.
  if (locked) steps.emplace_back(plan::Fdb{of.host_link, of.mac, {}, {}, in.facts.foreign_filters});
  if (of.port)
    steps.emplace_back(plan::Port{of.host_link, of.port->hairpin || in.conf.hairpin || needs_hairpin(in.conf),
                                  of.port->isolated || in.conf.port_isolation, true, locked, of.port});
  add_shape(steps, in.conf,
            plan::Veth{of.host_link, in.nic(), of.mac, of.mac, of.mtu, in.conf.bridge,
                       net::link_group(in.state_dir, in.owner.network), in.owner.network + "/" + in.owner.container});
  if (in.conf.tap) add_tap(steps, in);
  return steps;
}

}  // namespace trestle::modes
