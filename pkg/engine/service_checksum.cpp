#include "engine/service_checksum.h"

#include <cerrno>

#include "kernel/link.h"
#include "kernel/tc.h"
#include "kernel/tc_checksum.h"

namespace trestle::engine {

void fill_checksums(Context& context, const net::IfName& bridge) {
  kernel::Socket& host = context.route();
  const auto index = kernel::link_index(host, bridge);
  if (!index || kernel::fills_dhcp_checksums(host, *index)) return;
  const bool had_one = kernel::get_qdisc(host, *index, kernel::Side::ingress).has_value();
  kernel::Batch batch;
  kernel::fill_dhcp_checksums(batch, *index, bridge);
  const auto refused = host.send(batch);
  if (refused.empty()) return;
  // The qdisc may be there without its filter. One that was there before is another's, and stays.
  if (!had_one) kernel::remove_empty_clsact(host, *index, bridge);
  context.note("the answers of DHCP on " + bridge.str() +
               " leave without a UDP checksum, which a few clients of virtual machines want (" + refused.front().label +
               "): the kernel lacks cls_u32, act_csum or sch_ingress, or another's qdisc is there");
}

std::optional<std::string> checksum_defect(Context& context, const net::IfName& bridge) {
  kernel::Socket& host = context.route();
  const auto index = kernel::link_index(host, bridge);
  if (!index || kernel::fills_dhcp_checksums(host, *index) || !kernel::has_checksum_action(host)) return std::nullopt;
  const auto there = kernel::get_qdisc(host, *index, kernel::Side::ingress);
  if (there && there->kind != "clsact") return std::nullopt;  // another's
  return "the filter that fills in the checksums of DHCP's answers is gone";
}

void leave_checksums(Context& context, const net::IfName& bridge) {
  kernel::Socket& host = context.route();
  const auto link = kernel::get_link(host, bridge);
  if (!link || !kernel::fills_dhcp_checksums(host, link->index)) return;
  kernel::leave_dhcp_checksums(host, link->index, bridge);
  // On a switch of ours the qdisc goes with it; on the operator's bridge nobody else would ever take it away.
  if (link->group != context.switches()) kernel::remove_empty_clsact(host, link->index, bridge);
}

}  // namespace trestle::engine
