#pragma once
// What a NIC's switch is for it.
#include <string>
#include <vector>

#include "store/store.h"

namespace trestle::cli {

// A record names the mode and network of its first NIC; one of several may be in others.
struct Joined {
  std::string mode, network;
};

// `parts` as the store has them in force (app::parts_in_force). Pure.
Joined joined(const std::vector<store::Part>& parts, const store::Record& record, const store::Nic& nic);

}  // namespace trestle::cli
