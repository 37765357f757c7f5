#include "app/chained.h"

#include "base/error.h"
#include "ipam/range.h"
#include "kernel/link.h"
#include "modes/chained.h"
#include "net/names.h"

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

// Its end on the host, where trestle guards it and limits it. nullopt: there is none, and nothing that needs one is asked for, as of
// tc-redirect-tap, which this stands for then.
std::optional<kernel::LinkInfo> host_end(Session& session, const cni::Request& request, const config::NetConf& conf,
                                         const kernel::LinkInfo& inside) {
  const bool pair = inside.kind == "veth" && inside.peer != 0;
  if (pair) {
    kernel::Socket& host = session.context().route();
    const auto outside = kernel::get_link(host, inside.peer);
    // The numbers alone prove nothing: eth0 is the second link of nearly every pod, and one whose veth ended elsewhere got a stranger's port
    // locked to its own MAC. A link leads to one place only, so what leads to that number of the pod's own namespace is its other end.
    if (outside && outside->kind == "veth" && outside->peer == inside.index && outside->peer_netns &&
        outside->peer_netns == kernel::netns_number(host, session.context().pod_fd()))
      return outside;
  }
  const bool needs_one = conf.spoof_check || conf.port_isolation || conf.hairpin || conf.ingress.rate != 0 ||
                         conf.egress.rate != 0 || !conf.port_mappings.empty();
  if (conf.tap && !needs_one) return std::nullopt;
  const std::string what = pair ? "has its other end in another namespace than the host's"
                                : "is no veth" + (inside.kind.empty() ? std::string() : " but a " + inside.kind) +
                                      ": it has no end on the host";
  refuse(request, what +
                      ", where trestle could guard it, limit it or publish its ports: a TAP can be put there with "
                      "\"spoofCheck\": false, without \"bandwidth\", \"portIsolation\" and \"portMappings\"");
}

config::Chained chained(const kernel::LinkInfo& inside, const std::optional<kernel::LinkInfo>& outside,
                        const std::optional<kernel::LinkInfo>& bridge, const net::IfName& stand_in) {
  config::Chained out{stand_in, {}, inside.mtu, inside.mac.value_or(net::Mac{}), {}, {}};
  out.on_host = outside.has_value();
  if (outside) {
    out.host_link = net::IfName::parse(outside->name);
    out.mtu = outside->mtu;
  }
  if (bridge) {
    out.port = plan::PortFlags{outside->hairpin, outside->isolated, outside->learning};
    out.bridge_mac = bridge->mac;
  }
  return out;
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
  if (conf.requested_mac && conf.requested_mac != inside->mac)
    refuse(request,
           "has MAC " + (inside->mac ? inside->mac->str() : "none") + ", and " + conf.requested_mac->str() +
               " is asked for: that plugin must give it (its capability \"mac\"), or \"tuning\" before trestle");
  const auto outside = host_end(session, request, conf, *inside);
  const auto bridge = outside && outside->port_kind == "bridge"
                          ? kernel::get_link(session.context().route(), outside->master)
                          : std::nullopt;
  if (bridge && bridge->group == session.context().switches())
    refuse(request, "is trestle's own: give that network's configuration what is asked for here");
  if (outside && !bridge && conf.spoof_check)
    refuse(request, "is no bridge port on the host (" + outside->name +
                        "): trestle cannot check there what the pod sends; say \"spoofCheck\": false");
  config::NetConf out = conf;
  out.chained =
      chained(*inside, outside, bridge,
              net::host_link_name({conf.name, request.container, request.ifname}, net::IfName::parse(request.ifname)));
  out.bridge = bridge ? net::IfName::parse(bridge->name) : out.chained->host_link;
  for (const cni::ResultIp& ip : conf.prev_result->ips) {
    if (ip.interface && *ip.interface != *index) continue;
    out.chained->ips.push_back({ip.address, ip.gateway});
    ipam::add_network(out.ipam.ranges, ip.address, ip.gateway);
  }
  return out;
}

}  // namespace trestle::app
