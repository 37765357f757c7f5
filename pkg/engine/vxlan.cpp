#include "engine/vxlan.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "kernel/fdb.h"
#include "kernel/link.h"
#include "kernel/nexthop.h"
#include "kernel/vxlan.h"
#include "plan/plan.h"

namespace trestle::engine {

using base::Code;
using base::Error;
using plan::Where;

namespace {

// What cannot be changed of one that is there.
bool same_tunnel(const kernel::VxlanInfo& there, const plan::Vxlan& step) {
  return there.vni == step.vni && there.port == step.port && there.learning == step.learning &&
         there.multicast == step.multicast;
}

// The kernel makes this entry with the link, and cannot be asked for it again.
bool floods(Context& context, const plan::Vxlan& step, std::uint32_t index) {
  if (!step.multicast) return true;
  const auto entries = kernel::tunnel_entries(context.route(), index, step.link);
  return std::ranges::find(entries, plan::Fdb{step.link, net::Mac{}, step.multicast}) != entries.end();
}

// Our own, by group, VNI and port, under a name that another hand gave it. A dump of all links: only where it is not there by its own name.
std::optional<kernel::LinkInfo> renamed(Context& context, const plan::Vxlan& step) {
  for (kernel::LinkInfo& link : kernel::dump_links(context.route())) {
    if (link.kind != "vxlan" || link.group != step.group || link.name == step.link.str()) continue;
    const auto info = kernel::get_vxlan(context.route(), net::IfName::parse(link.name));
    if (info && info->vni == step.vni && info->port == step.port) return std::move(link);
  }
  return std::nullopt;
}

void remove(Context& context, const kernel::LinkInfo& link) {
  kernel::Batch batch;
  kernel::delete_link(batch, link.index, link.name);
  context.route().send_or_throw(batch);
}

[[noreturn]] void refuse(const plan::Vxlan& step, const kernel::Refusal& refusal) {
  if (refusal.err == EEXIST)
    throw Error(Code::held,
                "VXLAN " + std::to_string(step.vni) + " on port " + std::to_string(step.port) +
                    " is another link's on this host already (ip -d link show type vxlan); give this network "
                    "another \"vni\" or \"port\"");
  if (refusal.err == EADDRINUSE)
    throw Error(Code::held,
                "UDP port " + std::to_string(step.port) +
                    " is another program's on this host (ss -ulnp), or a VXLAN's that takes every VNI; give "
                    "this network another \"port\", the same on all nodes");
  if (refusal.err == EOPNOTSUPP) throw Error(Code::kernel_lacks, "this kernel has no VXLAN (module vxlan)");
  kernel::refuse(refusal);
}

void create(Context& context, const plan::Vxlan& step) {
  const std::uint32_t master = step.master ? context.index({Where::host, *step.master}) : 0;
  const std::uint32_t underlay = step.underlay ? context.index({Where::host, *step.underlay}) : 0;
  const auto add = [&] {
    kernel::Batch batch;
    kernel::add_vxlan(batch, step, master, underlay);
    return context.route().send(batch);
  };
  auto refused = add();
  if (!refused.empty() && refused.front().err == EEXIST)
    if (const auto own = renamed(context, step)) {
      remove(context, *own);
      refused = add();
    }
  if (!refused.empty()) refuse(step, refused.front());
  context.forget({Where::host, step.link});
}

}  // namespace

void make(Context& context, const plan::Vxlan& step) {
  kernel::Socket& host = context.route();
  auto there = kernel::get_link(host, step.link);
  if (there && there->group != step.group)
    throw Error(Code::held, step.link.str() +
                                " is there and is no tunnel of ours; rename it, or give this network another \"vni\"");
  auto info = there ? kernel::get_vxlan(host, step.link) : std::nullopt;
  kernel::Batch batch;
  if (there && (!info || !same_tunnel(*info, step) || !floods(context, step, there->index))) {
    remove(context, *there);
    there.reset();
  }
  if (!there) {
    create(context, step);
  } else {
    // Where it leaves from is not ours to set: it has followed the underlay, and the plan is of the time before.
    const std::uint32_t master = step.master ? context.index({Where::host, *step.master}) : 0;
    if (there->master != master) kernel::set_master(batch, step.link, master);
  }
  kernel::dress_vxlan(batch, step);
  const auto refused = host.send(batch);
  if (!refused.empty()) refuse(step, refused.front());
  if (!step.tx_checksum) kernel::set_tx_checksum(host, step.link, false);
}

std::optional<std::string> defect_of(Context& context, const plan::Vxlan& step) {
  const auto link = kernel::get_link(context.route(), step.link);
  const auto info = link ? kernel::get_vxlan(context.route(), step.link) : std::nullopt;
  if (!link) {
    const auto own = renamed(context, step);
    return own ? "is called " + own->name + " now: it is our own, renamed by another hand" : "is gone";
  }
  if (!info) return "is no VXLAN";
  if (!same_tunnel(*info, step)) return "is of another VNI, port or group, or learns";
  // Not Context::index(), which throws: a switch that another hand took away is one defect, and not the end of the look.
  const std::uint32_t master = step.master ? kernel::link_index(context.route(), *step.master).value_or(~0U) : 0;
  if (link->master != master) return step.master ? "is no port of " + step.master->str() : "is a port of another link";
  if (link->group != step.group) return "its group is not ours any more";
  if (link->mtu != step.mtu)
    return "MTU is " + std::to_string(link->mtu) + ", not " + std::to_string(step.mtu) +
           ": larger frames vanish silently";
  if (step.master && !step.multicast && !info->suppress) return "does not suppress neighbours";
  if (step.master && link->isolated != step.isolated) return "other flags: isolated";
  if (!link->up()) return "is down";
  if (!floods(context, step, link->index)) return "sends nothing to its group any more: the entry is gone";
  if (!step.tx_checksum && kernel::has_tx_checksum(context.route(), step.link))
    return "leaves checksums to the NIC again (ethtool -K " + step.link.str() + " tx on)";
  return std::nullopt;
}

std::optional<std::string> defect_of(Context& context, const plan::Nexthop& step) {
  const auto index = kernel::link_index(context.route(), step.dev);
  if (index && kernel::has_nexthop(context.route(), *index, step)) return std::nullopt;
  return "is gone";
}

void take_away(Context& context, const plan::Vxlan& step) {
  auto link = kernel::get_link(context.route(), step.link);
  if (!link || link->group != step.group || link->kind != "vxlan") link = renamed(context, step);
  if (link) remove(context, *link);
}

}  // namespace trestle::engine
