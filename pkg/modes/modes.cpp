#include "modes/modes.h"

#include "base/error.h"
#include "modes/attach_tap.h"
#include "modes/attach_veth.h"
#include "modes/bridge.h"
#include "modes/chained.h"
#include "modes/isolated.h"
#include "modes/nat.h"
#include "modes/routed.h"

namespace trestle::modes {

namespace {

net::Mac own_mac(const config::NetConf& conf, const plan::Facts&) { return net::switch_mac(conf.bridge); }

constexpr Mode kModes[] = {
    {"nat", nat_shared, nat_attachment, own_mac},
    {"routed", routed_shared, routed_attachment, own_mac},
    {"isolated", isolated_shared, isolated_attachment, own_mac},
    {"bridge", bridge_shared, bridge_attachment, bridge_mac},
    {"chained", chained_shared, chained_attachment, own_mac},
};

}  // namespace

const Mode& find(std::string_view name) {
  for (const Mode& mode : kModes)
    if (mode.name == name) return mode;
  throw base::Error(base::Code::bug, "mode '" + std::string(name) + "' passed the parser but is in no table");
}

cni::Result result(const AttachmentInput& in) {
  if (in.conf.chained) {  // the interface is in the result that we got
    cni::Result out;
    if (in.conf.tap) add_tap_result(out, in);
    out.dns = in.conf.dns;
    return out;
  }
  return veth_result(in, find(in.conf.mode).mac(in.conf, in.facts));
}

std::string segment(const config::NetConf& conf) {
  return conf.bridge.str() + (conf.vlan ? "." + std::to_string(*conf.vlan) : "");
}

}  // namespace trestle::modes
