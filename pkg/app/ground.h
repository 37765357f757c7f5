#pragma once
// The switches that the NICs of one call are put on.
#include <vector>

#include "app/shared.h"

namespace trestle::app {

// Each switch is held once, in the order of the names: two calls with the same switches never wait for each other.
class Ground {
 public:
  // Throws as hold_switch(), and then nothing of it is left.
  Ground(Session& session, const config::NetConf& conf, const net::Owner& owner);

  const plan::Facts& facts(const config::NetConf& nic) const;
  // What the record needs: each part once.
  const std::vector<store::PartRef>& parts() const { return parts_; }
  // Of them, what goes again when the call fails: none while it is only begun anew.
  std::vector<store::PartRef> fresh() const;
  // Must other switches be rebuilt first?
  bool flushed() const;
  std::vector<store::Lock> take_locks();

 private:
  std::vector<Switch> switches_;
  std::vector<store::PartRef> parts_;
};

}  // namespace trestle::app
