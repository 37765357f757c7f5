#pragma once
// Another process, told apart by more than its number, and a program that goes on without us.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace trestle::kernel {

// When it began, in clock ticks since boot (proc(5), stat, field 22); nullopt when there is none of that number, or it is a zombie.
std::optional<std::uint64_t> start_time(pid_t pid);

// A living process. What is done to it by this object cannot hit another one that has its number by then.
class Process {
 public:
  // The process of that number, when it began then. Throws Error{kernel} for a lack of descriptors.
  static std::optional<Process> find(pid_t pid, std::uint64_t start);

  // Those of this network namespace with that argument, whatever their number. Reads all of /proc.
  static std::vector<Process> with_argument(const std::string& argument);

  bool has_argument(const std::string& argument) const;  // exactly that one in its command line
  void signal(int number) const;                         // a process that is gone is no error
  bool ends_within(std::chrono::milliseconds budget) const;

 private:
  Process(pid_t pid, base::Fd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid_;
  base::Fd fd_;
};

// A program that runs on, as a service. Before it begins its process writes "<pid> <start time> <note>" to the file `pid_name` of `directory`:
// whoever finds no such file finds no process. `directory` (and a lock on it) is closed by the exec alone.
struct Daemon {
  std::vector<std::string> argv;  // the program's path first
  const base::Fd& directory;
  std::string pid_name, note;
  std::string log;  // its stderr; truncated
};

// Becomes it, in this process: for a service manager, which keeps stderr. Returns when that failed, with errno set.
void become(const Daemon& daemon);
// Starts it in a session of its own, without any descriptor of ours, and does not wait for more than the fork. Throws Error{kernel}.
void detach(const Daemon& daemon);

}  // namespace trestle::kernel
