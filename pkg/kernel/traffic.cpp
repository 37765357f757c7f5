#include "kernel/traffic.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "kernel/attrs.h"

namespace trestle::kernel {

std::optional<LinkTraffic> link_traffic(Socket& socket, const net::IfName& name) {
  Batch batch;
  batch.begin(RTM_GETLINK, 0, sizeof(ifinfomsg), "link " + name.str());
  batch.put_text(IFLA_IFNAME, name.str());
  const auto answer = socket.get(batch);
  if (!answer) return std::nullopt;
  const Attrs attrs = Attrs::of(*reinterpret_cast<const nlmsghdr*>(answer->data()), sizeof(ifinfomsg));
  rtnl_link_stats64 stats{};  // newer kernels' are longer, older ones' shorter
  const auto bytes = attrs.view(IFLA_STATS64);
  if (!bytes) return std::nullopt;
  std::memcpy(&stats, bytes->data(), std::min(bytes->size(), sizeof stats));
  return LinkTraffic{{stats.rx_packets, stats.rx_bytes},
                     {stats.tx_packets, stats.tx_bytes},
                     stats.rx_dropped + stats.tx_dropped + stats.rx_errors + stats.tx_errors};
}

}  // namespace trestle::kernel
