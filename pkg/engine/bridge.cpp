#include "engine/bridge.h"

#include "engine/apply.h"
#include "engine/pod_end.h"
#include "engine/vlans.h"
#include "kernel/link.h"

namespace trestle::engine {

void make(Context& context, const plan::Bridge& step) {
  const auto there = kernel::get_link(context.route(), step.link);
  kernel::Batch batch;
  if (!there) {
    kernel::add_bridge(batch, step);
    context.route().send_or_throw(batch);
    kernel::set_link(batch, step.link, step.mtu, nullptr, std::nullopt, kSwitchAlias);
  } else {
    refuse_foreign(context, step);
    kernel::change_bridge(batch, step, *there);
    if (there->mac != step.mac || there->mtu != step.mtu || there->group != step.group)
      kernel::set_link(batch, step.link, step.mtu, &step.mac, step.group, std::nullopt);
  }
  if (!batch.empty()) context.route().send_or_throw(batch);
  context.forget({plan::Where::host, step.link});
  if (!there || !there->vlan_filtering) return;
  see_default_vlan(context, *there);
  restore_default_vlan(context, step.link, true);
}

std::vector<std::string> defects_of(const plan::Bridge& step, const kernel::LinkInfo& link) {
  std::vector<std::string> out;
  if (link.group != step.group) out.emplace_back("its group is not ours any more");
  if (link.mac != step.mac) out.push_back(changed("MAC", link.mac ? link.mac->str() : "none", step.mac.str()));
  if (link.mtu != step.mtu) out.push_back(changed("MTU", std::to_string(link.mtu), std::to_string(step.mtu)));
  if (step.vlan_filtering && !link.vlan_filtering) out.emplace_back("does not filter VLANs");
  if (step.snooping && !link.snooping) out.emplace_back("does not snoop multicast");
  if (link.stp) out.emplace_back("has its spanning tree (STP) switched on: a new port stays silent for 30 s");
  return out;
}

}  // namespace trestle::engine
