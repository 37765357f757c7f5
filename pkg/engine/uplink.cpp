#include "engine/uplink.h"

#include "base/error.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "plan/plan.h"

namespace trestle::engine {

using plan::LinkRef;
using plan::Where;

std::optional<plan::TakeAddresses> read_taken(Context& context, const std::vector<net::IfName>& nics,
                                              const net::IfName&, bool take) {
  for (const net::IfName& nic : nics)
    for (const net::Cidr& address : kernel::addresses(context.route(), context.index({Where::host, nic}))) {
      if (address.ip.family == net::Family::v6 && address.ip.is_link_local()) continue;
      if (!take)
        throw base::Error(
            base::Code::bad_config,
            "uplink " + nic.str() + " carries the host's address " + address.str() +
                ", which a port of a switch cannot use: say \"takeAddresses\": true to move it to the switch, "
                "or take another NIC");
      throw base::Error(base::Code::kernel_lacks, "takeAddresses");
    }
  return std::nullopt;
}

void make(Context& context, const plan::Uplink& step) {
  const std::uint32_t master = context.index({Where::host, step.master});
  const auto nic = kernel::get_link(context.route(), step.nic);
  if (!nic)
    throw base::Error(base::Code::bad_config,
                      "uplink " + step.nic.str() + ": the host has no such NIC; plug it in or name another");
  if (nic->master != 0 && nic->master != master) {
    const auto other = kernel::get_link(context.route(), nic->master);
    throw base::Error(base::Code::held, "uplink " + step.nic.str() + " is a port of " +
                                            (other ? other->name : "another link") +
                                            " already; take it out there, or name that as the network's 'bridge'");
  }
  kernel::Batch batch;
  kernel::set_uplink(batch, step.nic, master);
  context.route().send_or_throw(batch);
}

std::optional<std::string> defect_of(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  if (!nic) return "is gone";
  if (nic->master != context.index({Where::host, step.master})) return "is no port of " + step.master.str();
  if (!nic->up()) return "is down";
  return std::nullopt;
}

void take_away(Context& context, const plan::Uplink& step) {
  const auto nic = kernel::get_link(context.route(), step.nic);
  const auto bridge = kernel::get_link(context.route(), step.master);
  if (!nic || !bridge || nic->master != bridge->index) return;
  kernel::Batch batch;
  kernel::set_master(batch, step.nic, 0);
  context.route().send_or_throw(batch);
}

void make(Context&, const plan::Bond& step) { throw base::Error(base::Code::kernel_lacks, plan::describe(step)); }
std::optional<std::string> defect_of(Context&, const plan::Bond&) { return std::nullopt; }
void take_away(Context&, const plan::Bond&) {}
void make(Context&, const plan::TakeAddresses& step) {
  throw base::Error(base::Code::kernel_lacks, plan::describe(step));
}
std::optional<std::string> defect_of(Context&, const plan::TakeAddresses&) { return std::nullopt; }
void take_away(Context&, const plan::TakeAddresses&) {}

}  // namespace trestle::engine
