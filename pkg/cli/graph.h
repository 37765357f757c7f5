#pragma once
// The node's network as a picture: Graphviz DOT. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace trestle::cli {

// One attachment and how it is ("ok", "down", …: cli/attachments.h).
struct Drawn {
  const store::Record& record;
  std::string_view health;
};

// Switches with their addresses, uplinks and the way out by their mode; pods as boxes around their NICs (and TAPs); an edge per NIC, with host
// link and VLANs. What is not "ok" is red. The order is that of the arguments, so equal nodes give equal text.
std::string dot(const std::vector<Drawn>& attachments, const std::vector<store::Part>& parts);

}  // namespace trestle::cli
