#include "kernel/socket_address.h"

#include <netinet/in.h>

#include <cstring>
#include <string>

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

net::Ip ip_of(const sockaddr_storage& address) {
  const bool v4 = address.ss_family == AF_INET;
  const void* bytes = v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr)
                         : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return net::Ip::from_bytes({static_cast<const char*>(bytes), v4 ? std::size_t{4} : std::size_t{16}});
}

}  // namespace trestle::kernel
