#include "modes/shaping.h"

#include "net/names.h"

namespace trestle::modes {

void add_shape(std::vector<plan::Step>& steps, const config::NetConf& conf, const plan::Veth& veth) {
  if (conf.ingress.rate == 0 && conf.egress.rate == 0) return;
  steps.emplace_back(
      plan::Shape{veth.host, net::ifb_name(veth.host), conf.ingress, conf.egress, veth.group, veth.mtu, veth.alias});
}

}  // namespace trestle::modes
