#pragma once
// TAPs: made by ioctl, because rtnetlink cannot. What it can tell of one is LinkInfo::tun.
#include <string>

#include "base/fd.h"
#include "kernel/netns.h"
#include "plan/step.h"

namespace trestle::kernel {

// A TAP that has just been made, down, without a queue of anybody but us. Until keep() it is not persistent: it vanishes when the object, or
// this process, does.
class NewTap {
 public:
  // In `netns`. Throws Error{held} when a link of that name is there, {kernel_lacks} without /dev/net/tun.
  NewTap(const plan::Tap& tap, const base::Fd& netns, const Home& home);
  // It outlives us.
  void keep();
  // Why it does not have the label; "" when it has, or none was wanted.
  const std::string& unlabelled() const { return unlabelled_; }

 private:
  base::Fd fd_;
  std::string name_, unlabelled_;
};

// Owner and group of a TAP that is there. false: it is in use, or of another kind, and stays as it was.
[[nodiscard]] bool own_tap(const plan::Tap& tap, const base::Fd& netns, const Home& home);

}  // namespace trestle::kernel
