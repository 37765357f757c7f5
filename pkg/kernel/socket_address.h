#pragma once
#include <sys/socket.h>

#include <cstdint>

#include "net/ip.h"

namespace trestle::kernel {

// `ip` and `port` as sockets want them; the length of what was written.
socklen_t fill(sockaddr_storage& address, const net::Ip& ip, std::uint16_t port);
net::Ip ip_of(const sockaddr_storage& address);

}  // namespace trestle::kernel
