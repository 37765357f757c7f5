#pragma once
// Ports of the host that lead to pods: elements of the maps dnat4, dnat6 (every address of the host) and dnat4ip, dnat6ip (one of them)
// of table inet, and of the sets target4, target6, by which postrouting knows what was led to a pod. A packet costs one look into a hash
// table, however many ports there are.
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

struct PublishOutcome {
  bool flushed = false;  // a map or the table is not there; nothing was added
  // A port that leads elsewhere: `wanted` as it was asked for, `has` as it is in the kernel. One address of the host against all of them
  // counts too: which of the two a packet took would depend on who is there. What was added is for remove_published() to take away.
  struct Held {
    plan::Mapping wanted, has;
  };
  std::optional<Held> held;
};
// All elements in one transaction; those that are there already with this value are no error. Throws Error for other refusals.
[[nodiscard]] PublishOutcome add_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings);

// What does not hold, one line each: `8080/tcp -> 10.88.0.2:80: is gone`.
std::vector<std::string> missing_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings);

// Deletes the elements whose value is the mapping's; what is absent, also the tables, is no error. Throws Error{kernel}.
void remove_published(Socket& netfilter, const std::vector<plan::Mapping>& mappings);

// Everything in the maps, for GC. Empty without our tables.
std::vector<plan::Mapping> list_published(Socket& netfilter);

}  // namespace trestle::kernel
