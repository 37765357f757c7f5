#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include "base/error.h"
#include "fixture.h"
#include "store/clock.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

const Identity kOtherBoot{"99999999-2222-3333-4444-555555555555", kHere.host_cookie};
const Identity kOtherHost{kHere.boot, kHere.host_cookie + 1};

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

void fill(const std::string& dir, int n) {
  const auto store = open_store(dir, kHere);
  const auto set = pool("10.88.0.0/20");
  const Part part{bridge(), "0123456789abcdef", "demo", {}, false};
  for (int i = 0; i < n; ++i) {
    store->put_part(part, pod(i));
    add(*store, pod(i), {{{&set, std::nullopt}}, std::nullopt, "trdemo", {{bridge(), part.digest}}});
  }
  store->set_facts(bridge(), {});
}

}  // namespace

TEST_CASE("the state directory is made with its parents, for us alone", "[store][open]") {
  const TempDir dir;
  const std::string path = dir.path() + "/a/b/trestle";
  const auto store = open_store(path + "/", kHere);
  CHECK(store->directory() == path);
  CHECK(mode_of(path) == 0700);
  CHECK(mode_of(path + "/lock") == 0600);
}

TEST_CASE("a state directory that others could write is refused", "[store][open]") {
  const TempDir dir;
  const std::string path = dir.path() + "/s";
  const auto [make, says] = GENERATE(table<std::string, std::string>({
      {"mkdir -m 0777 s", "writable for others"},
      {"mkdir -m 0720 s", "writable for others"},
      {"touch s", "not a symlink or file"},
      {"mkdir real && ln -s real s", "not a symlink or file"},
      {"mkfifo s", "not a symlink or file"},
      {"mkdir -m 0700 s && mkdir s/lock", "lock"},
      {"mkdir -m 0700 s && mkfifo s/lock", "no regular file"},
      {"mkdir -m 0700 s && ln -s /etc/passwd s/lock", "lock"},
  }));
  CAPTURE(make);
  REQUIRE(::system(("cd " + dir.path() + " && " + make).c_str()) == 0);
  for (const bool read_only : {false, true}) {
    const std::string e = error_of([&] { (void)open_store(path, kHere, read_only); });
    CHECK(e.find("101: " + path) == 0);
    CHECK(e.find(says) != std::string::npos);
  }
}

TEST_CASE("a state directory of another user is refused", "[store][open]") {
  if (::geteuid() != 0) {
    WARN("not root: cannot make a directory of another user");
    return;
  }
  const TempDir dir;
  REQUIRE(::chown(dir.path().c_str(), 12345, 0) == 0);
  CHECK(error_of([&] { (void)open_store(dir.path(), kHere); }).find("belongs to user 12345") != std::string::npos);
}

TEST_CASE("a relative or empty path is refused", "[store][open]") {
  const auto path = GENERATE(as<std::string>{}, "", "/", "//", "trestle", "./x");
  CHECK(error_of([&] { (void)open_store(path, kHere); }).find("absolute path") != std::string::npos);
}

TEST_CASE("symlinks below the state directory are never followed", "[store][open]") {
  const TempDir dir;
  const TempDir target;
  write_text(target.path() + "/keep", "x");
  const auto name = GENERATE(as<std::string>{}, "records", "segments", "switches");
  REQUIRE(::symlink(target.path().c_str(), (dir.path() + "/" + name).c_str()) == 0);
  const auto set = pool("10.88.0.0/24");
  const std::string e = error_of([&] {
    const auto store = open_store(dir.path(), kHere);
    add(*store, pod(1), {{{&set, std::nullopt}}, std::nullopt, "trdemo", {{bridge(), "0123456789abcdef"}}});
  });
  CHECK(e.find("101:") == 0);
  CHECK(files_below(target.path()) == std::vector<std::string>{"keep"});
}

TEST_CASE("looking makes nothing", "[store][open]") {
  const TempDir dir;
  CHECK(open_store(dir.path() + "/none", kHere, true) == nullptr);
  CHECK(open_store(dir.path(), kHere, true) == nullptr);
  CHECK(files_below(dir.path()).empty());
  fill(dir.path(), 2);
  CHECK(open_store(dir.path(), kHere, true)->count() == 2);
  CHECK(open_store(dir.path(), kOtherBoot, true) == nullptr);
  CHECK(open_store(dir.path(), kHere, true)->count() == 2);
}

TEST_CASE("after a reboot all of a thousand records are void at once", "[store][open]") {
  const TempDir dir;
  fill(dir.path(), 1000);
  write_text(dir.path() + "/not-ours", "x");
  const std::uint64_t start = boottime();
  const auto store = open_store(dir.path(), kOtherBoot);
  CHECK(boottime() - start < 1'000'000'000U);
  CHECK(store->count() == 0);
  CHECK(store->parts().empty());
  CHECK_FALSE(store->facts(bridge()));
  CHECK(store->use("trdemo", pool("10.88.0.0/20")).used == 0);
  CHECK(files_below(dir.path()) == std::vector<std::string>{"host", "lock", "not-ours"});
}

TEST_CASE("the clearing after a reboot, killed at any point, is done by the next call", "[store][open]") {
  for (int round = 0; round < 40; ++round) {
    const TempDir dir;
    fill(dir.path(), 30);
    const pid_t child = start_child([&] { (void)open_store(dir.path(), kOtherBoot); });
    ::usleep(static_cast<useconds_t>(round * 12));
    ::kill(child, SIGKILL);
    (void)child_succeeded(child);
    CHECK(open_store(dir.path(), kOtherBoot)->count() == 0);
    CHECK(files_below(dir.path()).size() == 2);
  }
}

TEST_CASE("two hosts of one boot do not share records", "[store][open]") {
  const TempDir dir;
  fill(dir.path(), 1);
  for (const bool read_only : {false, true}) {
    const std::string e = error_of([&] { (void)open_store(dir.path(), kOtherHost, read_only); });
    CHECK(e.find("101: " + dir.path()) == 0);
    CHECK(e.find("stateDir") != std::string::npos);
  }
  const auto store = open_store(dir.path(), kHere);
  for (const RecordFile& file : store->list()) store->remove_file(file);
  CHECK(open_store(dir.path(), kOtherHost) != nullptr);
}

TEST_CASE("a lost or damaged host file costs no record of this boot", "[store][open]") {
  const TempDir dir;
  fill(dir.path(), 5);
  const auto text = GENERATE(as<std::string>{}, "", "x", "{\"boot\":1}\n");
  write_text(dir.path() + "/host", text);
  // `trestle ps` saw an empty node until the next ADD
  SECTION("the same boot, for who only looks") {
    const auto look = open_store(dir.path(), kHere, true);
    REQUIRE(look);
    CHECK(look->count() == 5);
    CHECK(read_text(dir.path() + "/host") == text);
  }
  SECTION("the same boot") { CHECK(open_store(dir.path(), kHere)->count() == 5); }
  SECTION("another boot, for who only looks") { CHECK(open_store(dir.path(), kOtherBoot, true) == nullptr); }
  SECTION("another host, for who only looks") {
    CHECK(error_of([&] { (void)open_store(dir.path(), kOtherHost, true); }).find("stateDir") != std::string::npos);
  }
  SECTION("another boot") { CHECK(open_store(dir.path(), kOtherBoot)->count() == 0); }
  SECTION("another host") {
    CHECK_FALSE(error_of([&] { (void)open_store(dir.path(), kOtherHost); }).empty());
  }
}

TEST_CASE("eight calls at once on a new directory agree", "[store][open]") {
  const TempDir dir;
  std::vector<pid_t> children;
  for (int n = 0; n < 8; ++n) children.push_back(start_child([&] { (void)open_store(dir.path() + "/x/y", kHere); }));
  for (const pid_t child : children) CHECK(child_succeeded(child));
}

TEST_CASE("a call needs few open files", "[store][open]") {
  const TempDir dir;
  fill(dir.path(), 3);
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/20");
  add_ip(*store, 100, set);
  store->remove(pod(1), true);
  (void)store->list();
  const int next = ::dup(0);
  ::close(next);
  CHECK(next <= 8);
}
