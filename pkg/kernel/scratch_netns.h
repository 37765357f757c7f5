#pragma once
#include "base/fd.h"
#include "kernel/netns.h"

namespace trestle::kernel {

// A network namespace made for the purpose: entered when constructed, left and forgotten (the kernel removes it with all it holds) when
// destroyed. Throws Error{kernel}. `home` must outlive it.
class InScratchNetns {
 public:
  explicit InScratchNetns(const Home& home);
  ~InScratchNetns();
  InScratchNetns(const InScratchNetns&) = delete;
  InScratchNetns& operator=(const InScratchNetns&) = delete;
  // Another descriptor of it.
  base::Fd open() const;

 private:
  const Home& home_;
};

}  // namespace trestle::kernel
