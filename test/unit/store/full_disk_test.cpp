#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "fixture.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

constexpr int kNotPossible = 77;

[[noreturn]] void fail_at(int line) {
  std::fprintf(stderr, "full_disk_test.cpp:%d\n", line);
  ::_exit(1);
}
#define MUST(condition) \
  if (!(condition)) fail_at(__LINE__)

// Runs `body` with a file system of its own at `dir`, in a mount namespace that ends with it. False: this needs root.
bool on_tmpfs(const std::string& dir, const char* options, const std::function<void()>& body) {
  const pid_t child = start_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("trestle-test", dir.c_str(), "tmpfs", 0, options) != 0)
      ::_exit(kNotPossible);
    try {
      body();
    } catch (const base::Error& e) {
      std::fprintf(stderr, "%s\n%s\n", e.what(), e.details.c_str());
      ::_exit(1);
    }
  });
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPossible) {
    WARN("skipped: mounting a small file system needs root");
    return false;
  }
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return true;
}

void fill_disk(const std::string& dir) {
  const base::Fd fd = base::try_open(dir + "/filler", O_WRONLY | O_CREAT, 0600);
  const std::string page(4096, 'x');
  while (base::write_all(fd.get(), page)) {
  }
}

}  // namespace

TEST_CASE("on a full disk ADD fails with the path and leaves nothing; DEL works", "[store][disk]") {
  const TempDir dir;
  on_tmpfs(dir.path(), "size=512k,mode=0700", [&] {
    const auto set = pool("10.88.0.0/24");
    const auto far = pool("10.99.0.0/24");
    const auto store = open_store(dir.path(), kHere);
    for (int n = 1; n <= 10; ++n) add_ip(*store, n, set);
    fill_disk(dir.path());
    const auto before = files_below(dir.path());
    for (const auto* ranges : {&set, &far}) {
      const std::string e = error_of([&] { add_ip(*store, 50, *ranges); });
      MUST(e.find("101: " + dir.path()) == 0);
      MUST(e.find("No space left on device") != std::string::npos);
      MUST(!store->exists(pod(50)));
    }
    MUST(files_below(dir.path()) == before);
    MUST(store->use("trdemo", set).used == 10);
    for (int n = 1; n <= 10; ++n) {
      store->remove(pod(n), true);
      fill_disk(dir.path());
    }
    MUST(store->count() == 0);
    MUST(store->use("trdemo", set).used == 0);
    MUST(::remove((dir.path() + "/filler").c_str()) == 0);
    MUST(!add_ip(*store, 60, set).empty());
  });
}

TEST_CASE("without inodes left ADD fails and DEL works", "[store][disk]") {
  const TempDir dir;
  on_tmpfs(dir.path(), "nr_inodes=24,mode=0700", [&] {
    const auto set = pool("10.88.0.0/24");
    const auto store = open_store(dir.path(), kHere);
    int made = 0;
    for (; made < 50; ++made)
      if (const std::string e = error_of([&] { add_ip(*store, made, set); }); !e.empty()) {
        MUST(e.find("101:") == 0);
        break;
      }
    MUST(made > 3 && made < 24);
    MUST(store->count() == static_cast<std::size_t>(made));
    MUST(store->use("trdemo", set).used == static_cast<std::uint64_t>(made));
    for (int n = 0; n < made; ++n) store->remove(pod(n), true);
    MUST(store->count() == 0);
    MUST(!add_ip(*store, 99, set).empty());
  });
}

TEST_CASE("on a read-only file system DEL tries everything and says what is left", "[store][disk]") {
  const TempDir dir;
  on_tmpfs(dir.path(), "mode=0700", [&] {
    const auto set = pool("10.88.0.0/24");
    {
      const auto store = open_store(dir.path(), kHere);
      add_ip(*store, 1, set);
    }
    MUST(::mount(nullptr, dir.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    {
      const auto store = open_store(dir.path(), kHere);
      MUST(store->find(pod(1)));
      MUST(error_of([&] { add_ip(*store, 2, set); }).find("Read-only file system") != std::string::npos);
      const std::string e = error_of([&] { store->remove(pod(1), true); });
      MUST(e.find("101:") == 0 && e.find("Read-only file system") != std::string::npos);
    }
    MUST(::mount(nullptr, dir.path().c_str(), nullptr, MS_REMOUNT, nullptr) == 0);
    const auto store = open_store(dir.path(), kHere);
    store->remove(pod(1), true);
    MUST(store->count() == 0);
  });
}
