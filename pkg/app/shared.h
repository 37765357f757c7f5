#pragma once
// The shared parts of a node: making them, giving them back, mending them. DESIGN sections 1 and 3.
#include <string>
#include <vector>

#include "app/session.h"
#include "modes/modes.h"
#include "store/store.h"

namespace trestle::app {

// A switch that is ready for an attachment: its shared lock is held.
struct Switch {
  store::Lock lock;
  plan::Facts facts;
  std::vector<store::PartRef> parts;  // of each configuration
  std::vector<store::PartRef>
      fresh;  // of them, what this call made: when the call fails it goes, and the host has its addresses back
  bool flushed = false;  // somebody had flushed our tables: other switches are without theirs still
};

// Takes the shared lock of the switch that all these configurations name and sees to it that their parts on it are made and whole; where one
// is not, makes it under the exclusive lock, with a ref of `owner` written first. Throws Error{held} when another network gives one object
// other attributes.
Switch hold_switch(Session& session, const std::vector<config::NetConf>& confs, const net::Owner& owner);

// To be called when refs on these switches were removed. Drops the locks; who finds a part without refs and gets the switch exclusively
// undoes what no other part names; parts in `fresh` give the host's addresses back, where no older one of the switch has taken them. Returns what
// could not be removed.
[[nodiscard]] std::vector<std::string> release_switches(Session& session, std::vector<store::Lock> locks,
                                                        const std::vector<store::PartRef>& parts,
                                                        const std::vector<store::PartRef>& fresh = {});

// Takes down every part on the node that nobody refers to (GC).
[[nodiscard]] std::vector<std::string> release_unused(Session& session);

// Takes down the switches of ours without a port that no part on the node names, and the tables when nobody is left: the store was lost.
[[nodiscard]] std::vector<std::string> release_unknown(Session& session);

// All parts, as they should be in the kernel now: where a network's later configuration has replaced the rules of its switch, the part of
// the older one comes without them (it is not ready then).
std::vector<store::Part> parts_in_force(Session& session);

// Of `parts` those that the record needs, in its order, as one list; a part that is not there any more is left out.
std::vector<plan::Step> shared_steps(const store::Record& record, const std::vector<store::Part>& parts);

}  // namespace trestle::app
