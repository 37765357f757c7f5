#include "app/here.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "app/tunnel_state.h"
#include "base/error.h"
#include "base/fd.h"
#include "kernel/address.h"
#include "kernel/route.h"
#include "overlay/here.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

constexpr std::size_t kMostPeersFile = 1U << 24;

std::string read_peers_file(const config::Overlay& overlay) {
  if (overlay.peers_file.empty()) return "";
  const base::Fd file = base::try_open(overlay.peers_file, O_RDONLY | O_NONBLOCK);
  const auto text = file.valid() ? base::read_all(file.get(), kMostPeersFile) : std::nullopt;
  if (!text) base::throw_errno(errno, "overlay.peersFile " + overlay.peers_file + " cannot be read", Code::bad_config);
  return *text;
}

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

config::NetConf as_here(engine::Context& context, const config::NetConf& nic) {
  return overlay::as_here(context, nic, read_peers_file(*nic.overlay), host_name());
}

config::NetConf as_here_or_before(Session& session, const config::NetConf& nic) try {
  return as_here(session.context(), nic);
} catch (const Error& e) {
  if (nic.overlay->peers_file.empty()) throw;
  const auto last = read_tunnel_state(tunnel_state_path(session.settings().state_dir, config::vtep_of(*nic.overlay)));
  if (!last || last->bridge != nic.bridge) throw;
  config::NetConf before = nic;
  before.overlay->peers = all_peers(*last->overlay.here);
  before.overlay->peers_file.clear();
  session.log().write(Log::Level::warn, "the list of peers is not taken, the one before serves",
                      {{"network", nic.name}, {"why", e.what()}});
  return overlay::as_here(session.context(), before, "", host_name());
}

// They are left out of the pools: one was leased, and the pod spoke as the host.
void spare_host(engine::Context& context, config::NetConf& nic) {
  if (nic.ipam.ranges.empty()) return;
  const std::vector<net::Ip> held = held_on_lan(context, nic);
  for (ipam::RangeSet& set : nic.ipam.ranges)
    for (ipam::Range& range : set)
      for (const net::Ip& one : held)
        if (range.subnet.contains(one)) range.exclude.push_back(net::Cidr::host(one));
}

template <class Here>
config::NetConf each_nic(engine::Context& context, config::NetConf conf, Here here) {
  const auto one = [&](config::NetConf& nic) {
    if (nic.overlay)
      nic = here(nic);
    else
      overlay::take_part(nic, std::nullopt);
    spare_host(context, nic);
  };
  one(conf);
  for (config::NetConf& nic : conf.more) one(nic);
  return conf;
}

}  // namespace

// One segment: two pods had one address, and the MAC that follows from it.
std::optional<std::string> undivided(const config::NetConf& nic, const ipam::RangeSet& pool) {
  if (!nic.overlay || nic.overlay->layer != 2 || nic.ipam.part || std::ranges::none_of(pool, ipam::is_whole))
    return std::nullopt;
  if (config::is_listed(*nic.overlay) && nic.overlay->here->others.empty()) return std::nullopt;
  return "overlay of network '" + nic.name + "': every node would give the same addresses of " + ipam::text(pool) +
         ", with the same MACs; divide it by \"ipam\": {\"ranges\": ..., \"nodeRange\": {\"prefix\": 24, \"prefix6\": "
         "80}}, give each node its own \"rangeStart\" and \"rangeEnd\", or ask for each pod's address";
}

std::vector<net::Ip> held_on_lan(engine::Context& context, const config::NetConf& nic) {
  if (nic.mode != "bridge" && !nic.proxy_arp) return {};
  std::vector<net::Ip> held;
  for (const net::Cidr& own : kernel::addresses(context.route(), 0)) held.push_back(own.ip);
  for (const net::Family family : {net::Family::v4, net::Family::v6})
    if (const auto router = kernel::router(context.route(), family)) held.push_back(*router);
  return held;
}

config::NetConf with_tunnels(engine::Context& context, config::NetConf conf) {
  return each_nic(context, std::move(conf), [&](const config::NetConf& nic) { return as_here(context, nic); });
}

config::NetConf with_tunnels(Session& session, config::NetConf conf) {
  return each_nic(session.context(), std::move(conf),
                  [&](const config::NetConf& nic) { return as_here_or_before(session, nic); });
}

}  // namespace trestle::app
