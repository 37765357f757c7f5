#pragma once
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "net/ip.h"

namespace trestle::kernel {

// IFA_F_NODAD for IPv6 (the address works at once: the IPAM is unique), the broadcast address for IPv4 (none for /31,
// /32). EEXIST is accepted when `again`.
void add_address(Batch& batch, std::uint32_t link_index, const net::Cidr& cidr, bool again, const std::string& label);
void delete_address(Batch& batch, std::uint32_t link_index, const net::Cidr& cidr,
                    const std::string& label);  // absent is accepted
// The addresses of one link (0: of all links of the namespace), IPv4 first, in the kernel's order. Empty when there is
// no such link.
std::vector<net::Cidr> addresses(Socket& socket, std::uint32_t link_index);
// The same with what is known of each.
struct HeldAddress {
  net::Cidr cidr;
  bool lasting = true;  // IPv6: neither temporary nor deprecated, nor one that is not sure to be ours alone
};
std::vector<HeldAddress> held_addresses(Socket& socket, std::uint32_t link_index);
// Of a link in the namespace that this one knows by that number (LinkInfo::peer_netns).
std::vector<net::Cidr> addresses_there(Socket& socket, std::int32_t netns, std::uint32_t link_index);

}  // namespace trestle::kernel
