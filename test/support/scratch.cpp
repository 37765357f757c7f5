#include "support/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace trestle::test {

namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

int remove_entry(const char* path, const struct stat*, int, FTW*) {
  ::remove(path);
  return 0;
}

std::string fresh_state_dir() {
  static int number = 0;
  return "/run/trestle-test-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
}

}  // namespace

ScratchHost::ScratchHost() : outside_(current_netns()), netns_(new_netns()), state_dir_(fresh_state_dir()) {
  if (::setns(netns_.get(), CLONE_NEWNET) != 0) fail("setns");
  if (in_machine_netns()) std::abort();
  if (::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) fail("mount /sys");
  must_run("ip link set lo up");
}

ScratchHost::~ScratchHost() {
  ::umount2("/sys", MNT_DETACH);
  ::nftw(state_dir_.c_str(), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  if (::setns(outside_.get(), CLONE_NEWNET) != 0) std::abort();
}

Pod::Pod(std::string name) : name_(std::move(name)), path_("/run/netns/" + name_), netns_(new_netns()) {
  const base::Fd file = base::try_open(path_, O_RDONLY | O_CREAT | O_EXCL, 0444);
  if (!file.valid()) fail("create " + path_);
  const std::string source = "/proc/self/fd/" + std::to_string(netns_.get());
  if (::mount(source.c_str(), path_.c_str(), nullptr, MS_BIND, nullptr) != 0) fail("mount " + path_);
  must_exec("ip link set lo up");
}

Pod::~Pod() { remove(); }

Ran Pod::exec(const std::string& command) const {
  const Inside inside(netns_);
  return run(command);
}

std::string Pod::must_exec(const std::string& command) const {
  const Inside inside(netns_);
  return must_run(command);
}

void Pod::remove(bool leave_file) {
  if (netns_.valid()) ::umount2(path_.c_str(), MNT_DETACH);
  netns_ = base::Fd();
  if (!leave_file) ::unlink(path_.c_str());
}

}  // namespace trestle::test
