#include "kernel/datagrams.h"

#include <linux/if_packet.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/error.h"

namespace trestle::kernel {

socklen_t fill(sockaddr_storage& address, const net::Ip& ip, std::uint16_t port) {
  const std::string bytes = ip.bytes();
  if (ip.family == net::Family::v4) {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
    return sizeof in;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, bytes.data(), bytes.size());
  return sizeof in6;
}

base::Fd udp_from(const net::Ip& local) {
  const bool v4 = local.family == net::Family::v4;
  base::Fd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) base::throw_errno(errno, "open a socket for UDP");
  const int cut = v4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT;
  (void)::setsockopt(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &cut,
                     sizeof cut);
  sockaddr_storage here{};
  const socklen_t size = fill(here, local, 0);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), size) != 0)
    base::throw_errno(errno, "send from " + local.str());
  return fd;
}

// Bound last: what comes by other links would be heard until then.
base::Fd frames_of(std::uint32_t link_index, std::uint16_t ether_type) {
  base::Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) base::throw_errno(errno, "open a socket for frames");
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ether_type);
  here.sll_ifindex = static_cast<int>(link_index);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
    base::throw_errno(errno, "listen to frames of link " + std::to_string(link_index));
  return fd;
}

net::Ip ip_of(const sockaddr_storage& address) {
  const bool v4 = address.ss_family == AF_INET;
  const void* bytes = v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr)
                         : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return net::Ip::from_bytes({static_cast<const char*>(bytes), v4 ? std::size_t{4} : std::size_t{16}});
}

}  // namespace trestle::kernel
