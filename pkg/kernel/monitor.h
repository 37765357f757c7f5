#pragma once
#include "base/fd.h"

namespace trestle::kernel {

// Hears that links, addresses, routes, next hops, nftables objects, a tunnel's FDB or our neighbours of the calling thread's namespace changed;
// what changed is for the listener to look at: events may be lost, and then it is told so too.
class Monitor {
 public:
  Monitor();  // throws Error{kernel}
  int links() const { return links_.get(); }
  int tables() const { return tables_.get(); }
  int neighbours() const { return neighbours_.get(); }
  // Empties the queue of one. true: there was something, or something was lost.
  static bool drain(int fd);
  // The same of neighbours(), where most of what is heard is other people's ARP and what switches learn: true for an entry that names a
  // tunnel's peer and went, and for a neighbour of ours that went or changed.
  static bool drain_neighbours(int fd);

 private:
  base::Fd links_, tables_, neighbours_;
};

}  // namespace trestle::kernel
