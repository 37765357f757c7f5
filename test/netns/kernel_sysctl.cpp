#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "kernel/sysctl.h"
#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

TEST_CASE("a sysctl is read and written in the namespace we are in, also for a link with a dot in its name",
          "[kernel][sysctl]") {
  World w;
  must_run("ip link add a.b type bridge");
  ensure_sysctl("net/ipv4/ip_forward", "1", false);
  ensure_sysctl("net/ipv6/conf/a.b/accept_ra", "0", false);
  CHECK(must_run("cat /proc/sys/net/ipv4/ip_forward") == "1\n");
  CHECK(must_run("cat /proc/sys/net/ipv6/conf/a.b/accept_ra") == "0\n");
  CHECK(read_sysctl("net/ipv4/ip_forward") == "1");
  const Inside inside(w.pod.netns());
  CHECK(read_sysctl("net/ipv4/ip_forward") == "0");
  CHECK_FALSE(read_sysctl("net/ipv6/conf/a.b/accept_ra"));
}

TEST_CASE("a key that is not there is absent to read and an error to set", "[kernel][sysctl]") {
  const ScratchHost host;
  CHECK_FALSE(read_sysctl("net/ipv4/no_such_key"));
  CHECK_THROWS_WITH(ensure_sysctl("net/ipv4/no_such_key", "1", false),
                    "sysctl net/ipv4/no_such_key: there is no such key, so it cannot be 1");
}

TEST_CASE("nothing is written where the value holds already, so a read-only /proc/sys will do", "[kernel][sysctl]") {
  const ScratchHost host;
  must_run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 2 > /proc/sys/net/ipv6/conf/all/accept_ra");
  REQUIRE(::mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0);
  CHECK_NOTHROW(ensure_sysctl("net/ipv4/ip_forward", "1", false));
  CHECK_NOTHROW(ensure_sysctl("net/ipv6/conf/all/accept_ra", "1", true));
  CHECK_THROWS_WITH(ensure_sysctl("net/ipv4/ip_forward", "0", false),
                    "sysctl net/ipv4/ip_forward: is 1, must be 0: Read-only file system");
  CHECK_THROWS_AS(ensure_sysctl("net/ipv6/conf/all/accept_ra", "1", false), base::Error);
  REQUIRE(::umount2("/proc/sys", MNT_DETACH) == 0);
}

TEST_CASE("a value the kernel refuses is an error with its reason", "[kernel][sysctl]") {
  const ScratchHost host;
  CHECK_THROWS_WITH(ensure_sysctl("net/ipv4/ip_forward", "x", false),
                    "sysctl net/ipv4/ip_forward: is 0, must be x: Invalid argument");
}

}  // namespace

}  // namespace trestle::test
