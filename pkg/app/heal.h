#pragma once
#include <functional>
#include <string>
#include <vector>

#include "app/session.h"

namespace trestle::app {

// Rebuilds our nftables tables from all parts and records: what a flush took away. Holds every switch exclusively, so that no attachment
// comes or goes meanwhile.
void heal_tables(Session& session);

struct Repaired {
  std::size_t attachments = 0;    // looked at
  std::size_t mended = 0;         // had defects, have none now
  std::size_t entries = 0;        // of tunnels' peers, made or removed
  std::vector<std::string> left;  // what could not be mended, one line each
};

// `trestle repair`: heal_tables(), then every Step of every part and record that does not hold is made again, where its pod still exists.
Repaired repair(Session& session);

// Runs `once` until it does not say that our nftables objects were flushed, rebuilding them in between. Throws Error{kernel} when they vanish
// as fast as they are made.
void until_whole(Session& session, const std::function<bool()>& once);

}  // namespace trestle::app
