#include "app/chained.h"

#include "base/error.h"
#include "ipam/range.h"
#include "kernel/link.h"
#include "modes/chained.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// Its index in prevResult.
std::optional<std::uint32_t> made_before(const cni::Request& request, const config::NetConf& conf) {
  if (!conf.prev_result) return std::nullopt;
  const auto& all = conf.prev_result->interfaces;
  for (std::uint32_t i = 0; i < all.size(); ++i)
    if (all[i].name == request.ifname && !all[i].sandbox.empty()) return i;
  return std::nullopt;
}

[[noreturn]] void refuse(const cni::Request& request, const std::string& why) {
  throw Error(Code::bad_config, "interface '" + request.ifname + "' of the plugin before " + why);
}

kernel::LinkInfo host_end(Session& session, const cni::Request& request, const kernel::LinkInfo& inside) {
  if (inside.kind != "veth" || inside.peer == 0)
    refuse(request, "is no veth" + (inside.kind.empty() ? std::string() : " but a " + inside.kind) +
                        ": it has no end on the host where trestle could guard it or limit it");
  const auto outside = kernel::get_link(session.context().route(), inside.peer);
  // The numbers alone prove nothing: eth0 is the second link of nearly every pod, and one whose veth ended elsewhere got a stranger's port
  // locked to its own MAC. A link leads to one place only, so what leads to that number of the pod's own namespace is its other end.
  if (!outside || outside->kind != "veth" || outside->peer != inside.index || !outside->peer_netns ||
      outside->peer_netns != kernel::netns_number(session.context().route(), session.context().pod_fd()))
    refuse(request, "has its other end in another namespace than the host's");
  return *outside;
}

}  // namespace

config::NetConf with_interface(Session& session, const cni::Request& request, const config::NetConf& conf) {
  const auto index = made_before(request, conf);
  if (conf.mode != "chained") {
    if (index)
      refuse(request, "is there already, and mode \"" + conf.mode +
                          "\" makes one of its own: leave out \"mode\" and everything of a network to add to that "
                          "one, or give trestle another interface");
    return conf;
  }
  if (!index) throw modes::not_chained(conf);
  const auto inside = kernel::get_link(session.context().pod_route(), net::IfName::parse(request.ifname));
  if (!inside) refuse(request, "is in prevResult, but not in the pod");
  const kernel::LinkInfo outside = host_end(session, request, *inside);
  const auto bridge =
      outside.port_kind == "bridge" ? kernel::get_link(session.context().route(), outside.master) : std::nullopt;
  if (bridge && bridge->group == session.context().switches())
    refuse(request, "is trestle's own: give that network's configuration what is asked for here");
  if (!bridge && conf.spoof_check)
    refuse(request, "is no bridge port on the host (" + outside.name +
                        "): trestle cannot check there what the pod sends; say \"spoofCheck\": false");
  config::NetConf out = conf;
  out.bridge = net::IfName::parse(bridge ? bridge->name : outside.name);
  out.chained = config::Chained{net::IfName::parse(outside.name), {}, outside.mtu,
                                inside->mac.value_or(net::Mac{}), {}, bridge ? bridge->mac : std::nullopt};
  if (bridge) out.chained->port = plan::PortFlags{outside.hairpin, outside.isolated, outside.learning};
  for (const cni::ResultIp& ip : conf.prev_result->ips) {
    if (ip.interface && *ip.interface != *index) continue;
    out.chained->ips.push_back({ip.address, ip.gateway});
    ipam::add_network(out.ipam.ranges, ip.address, ip.gateway);
  }
  return out;
}

}  // namespace trestle::app
