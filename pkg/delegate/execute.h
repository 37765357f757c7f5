#pragma once
// Another program, run without a shell.
#include <chrono>
#include <string>
#include <vector>

namespace trestle::delegate {

struct Ended {
  int status = -1;       // of waitpid()
  bool late = false;     // it was killed because the time was over
  bool flooded = false;  // it was killed because it wrote more than `limit`
  std::string out;
};

// `env`: "KEY=VALUE" each, the whole environment. stderr is ours. It dies with us, and when `budget` is over. Reads at most `limit` bytes of
// its output. Throws Error{delegate} when it cannot be started.
Ended execute(const std::string& program, const std::vector<std::string>& env, const std::string& in,
              std::chrono::milliseconds budget, std::size_t limit);

}  // namespace trestle::delegate
