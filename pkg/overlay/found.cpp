#include "overlay/found.h"

#include "kernel/fdb.h"
#include "kernel/link.h"

namespace trestle::overlay {

config::NetConf with_found_peers(engine::Context& context, config::NetConf conf) {
  if (config::is_guarded(*conf.overlay)) return conf;
  const net::IfName vtep = config::vtep_of(*conf.overlay);
  const auto index = kernel::link_index(context.route(), vtep);
  std::vector<config::Peer>& others = conf.overlay->here->others;
  others.clear();
  if (!index) return conf;
  for (const net::Ip& node : kernel::tunnel_ends(context.route(), *index, vtep)) others.push_back(config::Peer{node});
  return conf;
}

}  // namespace trestle::overlay
