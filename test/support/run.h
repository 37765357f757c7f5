#pragma once
#include <map>
#include <string>
#include <vector>

namespace trestle::test {

// What a program left behind.
struct Ran {
  int status = -1;  // exit status; 128 + signal when it was killed
  std::string out, err;
  bool ok() const { return status == 0; }
};

// How to start a program: in the calling thread's namespaces, with an empty environment but for `env`.
struct Start {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string in;            // its standard input
  int deadline_ms = 60'000;  // then SIGKILL; status is 137
};
Ran start(const Start& how);

// A shell command, for witnesses: run("ip -j link show dev eth0"). PATH is set.
Ran run(const std::string& command);
// As run(); its standard output. Throws std::runtime_error with its standard error when it failed: for what a test
// takes for granted.
std::string must_run(const std::string& command);

}  // namespace trestle::test

// A test that needs a program that is not installed says so and counts as skipped (what a kernel lacks: support/lacks.h): hack/test counts the lines that begin with
// "SKIPPED".
#define SKIP_IF(condition, reason)                                                                     \
  if (condition) {                                                                                     \
    std::printf("SKIPPED %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(), (reason)); \
    std::fflush(stdout);                                                                               \
    return;                                                                                            \
  }                                                                                                    \
  static_assert(true)
