#pragma once
#include "base/fd.h"

namespace trestle::kernel {

// Hears that links, addresses, routes, next hops or nftables objects of the calling thread's namespace changed; what changed is for the
// listener to look at: events may be lost, and then it is told so too.
class Monitor {
 public:
  Monitor();  // throws Error{kernel}
  int links() const { return links_.get(); }
  int tables() const { return tables_.get(); }
  // Empties the queue of one. true: there was something, or something was lost.
  static bool drain(int fd);

 private:
  base::Fd links_, tables_;
};

}  // namespace trestle::kernel
