#pragma once
#include <string>

#include "base/fd.h"

namespace trestle::test {

// The calling thread's network namespace; a fresh one, in which nothing is up (the thread stays where it is); the one
// at a path.
base::Fd current_netns();
base::Fd new_netns();
base::Fd netns_at(const std::string& path);

// Is the thread in the network namespace of the machine (process 1's, or the one the test program was started in)? Then
// no test may run.
bool in_machine_netns();
// Called by main() before anything else.
void remember_machine_netns();

// In `netns` for the lifetime of the object. Sockets opened meanwhile stay there.
class Inside {
 public:
  explicit Inside(const base::Fd& netns);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  base::Fd back_;
};

}  // namespace trestle::test
