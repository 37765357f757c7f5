#pragma once
#include <string>
#include <vector>

#include "app/session.h"

namespace trestle::app {

// What goes by one call: the links of all switches in one message, and then what the store has of them. Nobody else gets at them meanwhile.
struct Leaving {
  std::vector<store::Lock> locks;  // of those switches
  std::vector<net::IfName> bridges, links;
  std::vector<store::PartRef> parts;
  bool tables = false;  // the common ones went with them
};

// Can the host live on its switch?
bool may_carry(const store::Part& part);
// Where nobody refers to it: is what it has made needed still, because the host lives on its switch?
bool carries(Session& session, const store::Part& part);

// All parts on the node but those that leave.
std::vector<store::Part> parts_beside(Session& session, const Leaving& leaving);

// What is still there is put to `failed`.
void end(Session& session, const Leaving& leaving, std::vector<std::string>& failed);

}  // namespace trestle::app
