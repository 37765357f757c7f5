#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace trestle::kernel {

// The network namespace that the calling thread is in. Throws Error{kernel}.
class Home {
 public:
  Home();  // opens /proc/thread-self/ns/net
  const base::Fd& fd() const { return fd_; }

 private:
  base::Fd fd_;
};

// Enters `netns` for the lifetime of the object; throws Error{kernel} when the kernel does not let us in. The
// destructor returns home and aborts the process if it cannot: better than editing the host's network. `home` must
// outlive it.
class InNetns {
 public:
  InNetns(const base::Fd& netns, const Home& home);
  ~InNetns();
  InNetns(const InNetns&) = delete;
  InNetns& operator=(const InNetns&) = delete;

 private:
  const Home& home_;
};

// Back to `home`; aborts the process when the kernel refuses again and again.
void go_home(const Home& home);

// Opens a namespace file and checks, before anything else is done with it, that it is one: on nsfs, of type network.
// Never blocks (a FIFO); symbolic links are followed (/var/run, /proc/PID/ns/net). nullopt: the path does not exist, or
// its process is gone. Throws Error{bad_environment} naming the path and what is there instead: also for what a
// namespace left behind when its mount is gone, an empty file. Whether it is our own namespace the caller sees by the
// cookies: Socket::netns_cookie().
std::optional<base::Fd> open_netns(const std::string& path);

// /proc/sys/kernel/random/boot_id, without newline. Throws Error{kernel}.
std::string boot_id();

}  // namespace trestle::kernel
