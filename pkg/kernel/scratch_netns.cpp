#include "kernel/scratch_netns.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>

#include "base/error.h"

namespace trestle::kernel {

InScratchNetns::InScratchNetns(const Home& home) : home_(home) {
  if (::unshare(CLONE_NEWNET) == 0) return;
  const int err = errno;
  base::throw_errno(err, "make a scratch network namespace");
}

InScratchNetns::~InScratchNetns() { go_home(home_); }

base::Fd InScratchNetns::open() const {
  base::Fd fd = base::try_open("/proc/thread-self/ns/net", O_RDONLY);
  if (fd.valid()) return fd;
  const int err = errno;
  base::throw_errno(err, "open the scratch network namespace");
}

}  // namespace trestle::kernel
