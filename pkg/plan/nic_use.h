#pragma once
// Which NICs of the host a list of Steps takes for itself, and how: one NIC is a port of one switch, or a member of one bond, or a way out of the
// host for any number of networks, and no two of these at once.
#include <optional>
#include <string>
#include <vector>

#include "plan/step.h"

namespace trestle::plan {

struct NicUse {
  enum class Kind : std::uint8_t { port, member, way_out };
  net::IfName nic;
  Kind kind = Kind::port;
  net::IfName of;  // the switch, or the bond
  bool operator==(const NicUse&) const = default;
};

// From Uplink, Bond, and the set "up-<switch>" of what leaves by that NIC alone.
std::vector<NicUse> nic_uses(const std::vector<Step>& steps);
// "a port of switch tr0", "a member of bond b0", "the way out of switch tr0".
std::string describe(const NicUse& use);

struct NicConflict {
  NicUse mine, theirs;
};
// The first NIC that both lists use, and not both as a way out or both for the same thing.
std::optional<NicConflict> nic_conflict(const std::vector<Step>& mine, const std::vector<Step>& theirs);

}  // namespace trestle::plan
