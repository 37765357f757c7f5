#define CATCH_CONFIG_RUNNER
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "support/netns.h"

namespace {

// Private mounts and a private network namespace: whatever a test does, the machine does not see it. False with errno.
bool seclude() {
  return ::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0 &&
         ::mkdir("/run/netns", 0755) == 0 && ::mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  // Listing tests needs no root.
  const bool listing = argc > 1 && std::string(argv[1]).rfind("--list", 0) == 0;
  if (!listing) {
    if (::geteuid() != 0) {
      std::puts("SKIPPED all: tests of the kernel need root");
      return kSkipped;
    }
    trestle::test::remember_machine_netns();
    if (!seclude()) {
      std::perror("make a private network namespace");
      return 1;
    }
    if (trestle::test::in_machine_netns()) {
      std::fputs("still in the machine's network namespace: no test is run\n", stderr);
      return 1;
    }
  }
  return Catch::Session().run(argc, argv);
}
