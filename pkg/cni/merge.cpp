#include "cni/merge.h"

namespace trestle::cni {

Result merge(const Result& prev, const Result& ours) {
  Result out = prev;
  const auto offset = static_cast<std::uint32_t>(prev.interfaces.size());
  out.interfaces.insert(out.interfaces.end(), ours.interfaces.begin(), ours.interfaces.end());
  for (ResultIp ip : ours.ips) {
    if (ip.interface) *ip.interface += offset;
    out.ips.push_back(ip);
  }
  out.routes.insert(out.routes.end(), ours.routes.begin(), ours.routes.end());
  if (!ours.dns.empty()) out.dns = ours.dns;
  return out;
}

}  // namespace trestle::cni
