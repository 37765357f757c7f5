#pragma once
// The NICs whose addresses the host lent to a switch (`takeAddresses`).
#include <string>
#include <vector>

#include "app/session.h"

namespace trestle::app {

struct TakenUplink {
  net::IfName nic, bridge;
  std::vector<net::Cidr> addresses;  // on the switch now
  std::size_t parts_in_use = 0;      // networks with pods there
};

// Those of this state directory, by the switch's name; and those of a store that is lost, as far as the kernel tells.
std::vector<TakenUplink> taken_uplinks(Session& session);

// Puts the addresses and routes back on the NIC and takes the switch down. Throws Error{held} while pods are attached to it. Returns what
// could not be taken down; again is no error.
std::vector<std::string> release_uplink(Session& session, const TakenUplink& uplink);

}  // namespace trestle::app
