#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace trestle::kernel {

// The network namespace that the calling process is in.
class Home {
 public:
  Home();                                     // opens /proc/thread-self/ns/net
  const base::Fd& fd() const { return fd_; }

 private:
  base::Fd fd_;
};

// Enters `netns` for the lifetime of the object. The destructor returns home and aborts the process if it cannot: better than
// editing the host's network.
class InNetns {
 public:
  InNetns(const base::Fd& netns, const Home& home);
  ~InNetns();
  InNetns(const InNetns&) = delete;
  InNetns& operator=(const InNetns&) = delete;

 private:
  const Home& home_;
};

// Opens a namespace file and checks, before anything else is done with it, that it is one: on nsfs (or proc), of type network.
// Never blocks (a FIFO), follows no surprise. nullopt: the path does not exist. Throws Error{bad_environment} naming the path.
std::optional<base::Fd> open_netns(const std::string& path);

// The cookie of the namespace (0 when `netns` is the caller's own: compare with own_cookie()).
std::uint64_t own_cookie();
std::string boot_id();                        // /proc/sys/kernel/random/boot_id, without newline

}  // namespace trestle::kernel
