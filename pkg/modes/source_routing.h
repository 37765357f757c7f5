#pragma once
#include <cstdint>
#include <vector>

#include "modes/modes.h"

namespace trestle::modes {

// `sourceRouting`: what is sent from this NIC's addresses leaves by this NIC, by a table of its own that a rule for each address leads to. What
// has no source yet goes by the main table.
void add_source_routing(std::vector<plan::Step>& steps, const AttachmentInput& in);

// With two NICs on one switch the wrong one would answer for this one's address too.
plan::Sysctl own_arp_alone(const net::IfName& nic);

// One NIC in the pod, as its table is made of it.
struct Sourced {
  net::IfName nic;
  std::uint32_t table = 0;
  std::vector<plan::LeasedIp> ips;       // `gateway` where anything is beyond
  std::vector<cni::ResultRoute> routes;  // as in the main table, on-link ones to a gateway among them
};
void add_source_table(std::vector<plan::Step>& steps, const Sourced& of);

}  // namespace trestle::modes
