#include "kernel/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "kernel/sysctl.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // linux 5.14
#endif

namespace trestle::kernel {

namespace {

using base::Code;
using base::Error;

const char* kind_of_file(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return "no file that can be looked at";
  if (S_ISDIR(found.st_mode)) return "a directory";
  if (S_ISFIFO(found.st_mode)) return "a FIFO";
  if (S_ISREG(found.st_mode) && found.st_size == 0)
    return "an empty file (the namespace is not mounted there any more)";
  if (S_ISREG(found.st_mode)) return "a plain file";
  return "a special file";
}

// A lack that may pass says nothing of the path: a GC that took it for "no namespace" left a TAP there for ever.
Code blame(int err) {
  for (const int passing : {EINTR, EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS, ENOSPC})
    if (err == passing) return Code::kernel;
  return Code::bad_environment;
}

// Returns the errno, 0 when it went well.
int enter(int netns) {
  while (::setns(netns, CLONE_NEWNET) != 0) {
    const int err = errno;
    if (err != EINTR) return err;
  }
  return 0;
}

}  // namespace

Home::Home() : fd_(base::try_open("/proc/thread-self/ns/net", O_RDONLY)) {
  const int err = errno;
  if (!fd_.valid()) base::throw_errno(err, "open /proc/thread-self/ns/net");
}

// A lack of memory may pass; going on in the wrong namespace would edit a pod in place of the host.
constexpr int kHomeTries = 5;

InNetns::InNetns(const base::Fd& netns, const Home& home) : home_(home) {
  const int err = enter(netns.get());
  if (err == EPERM)
    throw Error(Code::kernel, "enter the network namespace: Operation not permitted (CAP_SYS_ADMIN is needed)");
  if (err != 0) base::throw_errno(err, "enter the network namespace");
}

InNetns::~InNetns() { go_home(home_); }

void go_home(const Home& home) {
  for (int tries = 0; tries < kHomeTries; ++tries)
    if (enter(home.fd().get()) == 0) return;
  std::abort();
}

std::optional<base::Fd> open_netns(const std::string& path) {
  const std::string shown = "network namespace " + base::printable(path, 120);
  // A NUL would cut the path: another file than the one that the records name.
  if (path.empty() || path.find('\0') != std::string::npos) throw Error(Code::bad_environment, shown + ": not a path");
  base::Fd fd = base::try_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  const int err = errno;
  if (!fd.valid()) {
    if (err == ENOENT || err == ENOTDIR || err == ESRCH) return std::nullopt;
    base::throw_errno(err, shown, blame(err));
  }
  struct statfs where {};
  if (::fstatfs(fd.get(), &where) != 0) {
    const int stat_err = errno;
    base::throw_errno(stat_err, shown, blame(stat_err));
  }
  if (where.f_type != NSFS_MAGIC)
    throw Error(Code::bad_environment, shown + ": is no namespace but " + kind_of_file(fd.get()));
  // nsfs holds mount, user, pid … namespaces and pidfds as well.
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  const int type_err = errno;
  if (type < 0 && blame(type_err) == Code::kernel) base::throw_errno(type_err, shown);
  if (type != CLONE_NEWNET)
    throw Error(Code::bad_environment, shown + ": is a namespace of another type, not a network namespace");
  return fd;
}

std::string boot_id() {
  const auto id = read_sysctl("kernel/random/boot_id");
  if (!id || id->empty())
    throw Error(Code::kernel, "/proc/sys/kernel/random/boot_id cannot be read: is /proc mounted?");
  return *id;
}

}  // namespace trestle::kernel
