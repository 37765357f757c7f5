#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

std::string why_refused(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  try {
    if (open_netns(path)) return "opened";
    return "absent";
  } catch (const base::Error& e) {
    CHECK(e.code == base::Code::bad_environment);
    CHECK(std::chrono::steady_clock::now() - start < at_most(1000));
    return e.what();
  }
}

TEST_CASE("what is no network namespace is refused at once, by name, saying what it is", "[kernel][netns]") {
  const ScratchHost host;
  must_run(
      "mkdir -p /run/t && rm -rf /run/t/* && cd /run/t && mkdir dir && mkfifo fifo && echo x > plain && : > empty && "
      "ln -s /run/t/plain link && ln -s nowhere dangling && ln -s loop loop");
  const std::string prefix = "network namespace /run/t/";
  CHECK(why_refused("/run/t/dir") == prefix + "dir: is no namespace but a directory");
  CHECK(why_refused("/run/t/fifo") == prefix + "fifo: is no namespace but a FIFO");
  CHECK(why_refused("/run/t/plain") == prefix + "plain: is no namespace but a plain file");
  CHECK(why_refused("/run/t/link") == prefix + "link: is no namespace but a plain file");
  CHECK(why_refused("/run/t/empty") ==
        prefix + "empty: is no namespace but an empty file (the namespace is not mounted there any more)");
  CHECK(why_refused("/run/t/loop") == prefix + "loop: Too many levels of symbolic links");
  CHECK(why_refused("/dev/null") == "network namespace /dev/null: is no namespace but a special file");
  CHECK(why_refused("") == "network namespace : not a path");
  CHECK(why_refused(std::string("/proc/self/ns/net\0x", 19)).find("not a path") != std::string::npos);
  for (const char* other : {"mnt", "uts", "pid", "user"}) {
    CAPTURE(other);
    CHECK(why_refused(std::string("/proc/self/ns/") + other).find("of another type, not a network namespace") !=
          std::string::npos);
  }
}

TEST_CASE("a path that is not there is absence, not an error", "[kernel][netns]") {
  const ScratchHost host;
  must_run("mkdir -p /run/t && ln -sf nowhere /run/t/dangling && echo x > /run/t/plain");
  for (const char* path : {"/run/netns/none", "/run/t/dangling", "/run/t/plain/below", "/proc/999999999/ns/net"}) {
    CAPTURE(path);
    CHECK_FALSE(open_netns(path));
  }
}

TEST_CASE("a pod's namespace is opened by file, link or process, never inherited, and told from our own",
          "[kernel][netns]") {
  World w;
  must_run("ln -sfn /run/netns /run/alias");
  for (const std::string& path :
       {w.pod.path(), std::string("/run/alias/pod"), "/proc/self/fd/" + std::to_string(w.pod.netns().get())}) {
    CAPTURE(path);
    const auto fd = open_netns(path);
    REQUIRE(fd);
    CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
    const Home home;
    const InNetns inside(*fd, home);
    CHECK(own_cookie() == w.inner.netns_cookie());
  }
  CHECK(own_cookie() == w.outer.netns_cookie());
  const auto own = open_netns("/proc/self/ns/net");
  REQUIRE(own);
  CHECK(route_socket(*own).netns_cookie() == own_cookie());
}

TEST_CASE("leaving a namespace comes home, also when the work inside failed", "[kernel][netns]") {
  World w;
  const Home home;
  try {
    const InNetns inside(w.pod.netns(), home);
    throw base::Error(base::Code::bug, "inside");
  } catch (const base::Error&) {
  }
  CHECK(own_cookie() == w.outer.netns_cookie());
}

TEST_CASE("a new namespace at an old path has another cookie", "[kernel][netns]") {
  const ScratchHost host;
  std::uint64_t before = 0;
  for (int i = 0; i < 5; ++i) {
    const Pod pod("again");
    const std::uint64_t now = route_socket(*open_netns(pod.path())).netns_cookie();
    CHECK(now != before);
    before = now;
  }
}

TEST_CASE("a namespace whose mount is gone is an empty file", "[kernel][netns]") {
  const ScratchHost host;
  Pod pod("left");
  pod.remove(/*leave_file=*/true);
  CHECK(why_refused("/run/netns/left").find("not mounted there any more") != std::string::npos);
  pod.remove();
  CHECK(why_refused("/run/netns/left") == "absent");
}

TEST_CASE("the boot has a name", "[kernel][netns]") {
  CHECK(boot_id().size() == 36);
  CHECK(boot_id() + "\n" == must_run("cat /proc/sys/kernel/random/boot_id"));
}

}  // namespace

}  // namespace trestle::test
