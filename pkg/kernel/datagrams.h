#pragma once
// Sockets for what is asked of other nodes: none of them changes the host.
#include <sys/socket.h>

#include <cstdint>

#include "base/fd.h"
#include "net/ip.h"

namespace trestle::kernel {

// `ip` and `port` as sockets want them; the length of what was written.
socklen_t fill(sockaddr_storage& address, const net::Ip& ip, std::uint16_t port);
net::Ip ip_of(const sockaddr_storage& address);

// A UDP socket that sends from `local`, never blocks; what is larger than the way carries is cut where the tunnel's own packets would be. Throws
// Error{kernel}.
base::Fd udp_from(const net::Ip& local);
// Hears the frames of that EtherType which come in by the link, without their Ethernet header; never blocks. Throws Error{kernel}.
base::Fd frames_of(std::uint32_t link_index, std::uint16_t ether_type);

}  // namespace trestle::kernel
