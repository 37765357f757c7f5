#include "support/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace trestle::test {

namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";
ino_t machine_inode = 0;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

ino_t inode_of(const char* path) {
  struct stat found {};
  return ::stat(path, &found) == 0 ? found.st_ino : 0;
}

}  // namespace

base::Fd netns_at(const std::string& path) {
  base::Fd fd = base::try_open(path, O_RDONLY);
  if (!fd.valid()) fail("open " + path);
  return fd;
}

base::Fd current_netns() { return netns_at(kOwn); }

base::Fd new_netns() {
  const base::Fd back = current_netns();
  if (::unshare(CLONE_NEWNET) != 0) fail("unshare");
  base::Fd fresh = current_netns();
  if (::setns(back.get(), CLONE_NEWNET) != 0) std::abort();
  return fresh;
}

void remember_machine_netns() { machine_inode = inode_of(kOwn); }

bool in_machine_netns() {
  // Of namespaces that live at the same time no two share an inode, and these two live.
  const ino_t own = inode_of(kOwn);
  return own == 0 || own == machine_inode || own == inode_of("/proc/1/ns/net");
}

Inside::Inside(const base::Fd& netns) : back_(current_netns()) {
  if (::setns(netns.get(), CLONE_NEWNET) != 0) fail("setns");
}

Inside::~Inside() {
  if (::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace trestle::test
