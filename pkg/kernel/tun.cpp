#include "kernel/tun.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

#ifndef IFF_TUN_EXCL
#define IFF_TUN_EXCL 0x8000
#endif

namespace trestle::kernel {

namespace {

using base::Code;
using base::Error;

constexpr const char* kDevice = "/dev/net/tun";
constexpr int kTries = 5;
constexpr long kPause = 2'000'000;  // ns

// A TAP belongs to the namespace in which its descriptor was opened, wherever the ioctls come from.
base::Fd open_tun(const base::Fd& netns, const Home& home) {
  int err = 0;
  base::Fd fd;
  {
    const InNetns inside(netns, home);
    fd = base::try_open(kDevice, O_RDWR);
    err = errno;
  }
  if (fd.valid()) return fd;
  if (err == ENOENT || err == ENXIO || err == ENODEV)
    throw Error(Code::kernel_lacks,
                std::string(kDevice) + ": " + std::strerror(err) + "; a TAP needs the module tun: modprobe tun");
  base::throw_errno(err, std::string("open ") + kDevice);
}

// errno, 0 when it went well.
int set_iff(int fd, const plan::Tap& tap, bool exclusive) {
  ifreq request{};
  std::memcpy(request.ifr_name, tap.link.str().data(), tap.link.str().size());
  // Whether there are virtio headers the opener says anew; the number of queues it cannot.
  unsigned flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (tap.multi_queue) flags |= IFF_MULTI_QUEUE;
  if (exclusive) flags |= IFF_TUN_EXCL;
  request.ifr_flags = static_cast<short>(flags);
  return ::ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : errno;
}

int set_owner(int fd, const plan::Tap& tap) {
  if (::ioctl(fd, TUNSETOWNER, static_cast<unsigned long>(tap.owner)) != 0) return errno;
  if (tap.group && ::ioctl(fd, TUNSETGROUP, static_cast<unsigned long>(*tap.group)) != 0) return errno;
  return 0;
}

// SELinux gives a TAP the label of the process that makes it, and does not ask what /proc/self/attr/sockcreate says
// (selinux_tun_dev_alloc_security): so a child takes that label and makes it. Nothing but system calls in there. "" when it is made.
std::string set_iff_labelled(int fd, const plan::Tap& tap) {
  const base::Fd attribute = base::try_open("/proc/thread-self/attr/current", O_RDONLY);
  if (::access("/sys/fs/selinux/enforce", F_OK) != 0 || !attribute.valid()) return "SELinux is not in use here";
  const pid_t child = ::fork();
  if (child == 0) {
    const int own = ::open("/proc/self/attr/current", O_WRONLY | O_CLOEXEC);
    if (own < 0 || ::write(own, tap.label.data(), tap.label.size()) < 0) ::_exit(1);
    ::_exit(set_iff(fd, tap, true) == 0 ? 0 : 2);
  }
  if (child < 0) return std::string("fork: ") + std::strerror(errno);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return std::string("waitpid: ") + std::strerror(errno);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? "the policy does not let us take it"
                                                       : "a process with it may not make a TAP";
}

}  // namespace

NewTap::NewTap(const plan::Tap& tap, const base::Fd& netns, const Home& home) : name_(tap.link.str()) {
  int err = 0;
  // The kernel may still be busy with one that was closed just now (rhbz#1933627).
  for (int tries = 0; tries < kTries; ++tries) {
    fd_ = open_tun(netns, home);
    if (!tap.label.empty()) {
      unlabelled_ = set_iff_labelled(fd_.get(), tap);
      if (unlabelled_.empty()) break;
    }
    err = set_iff(fd_.get(), tap, true);
    if (err != EBUSY) break;
    const timespec pause{0, kPause};
    ::nanosleep(&pause, nullptr);
  }
  if (err == EBUSY || err == EEXIST)
    throw Error(Code::held,
                "pod:" + name_ +
                    ": the pod has an interface of this name already; remove it, or choose another with \"tap\": "
                    "{\"name\": …}");
  if (err == 0) err = set_owner(fd_.get(), tap);
  if (err != 0) base::throw_errno(err, "pod:" + name_ + ": make a TAP");
}

void NewTap::keep() {
  if (::ioctl(fd_.get(), TUNSETPERSIST, 1UL) != 0) base::throw_errno(errno, "pod:" + name_ + ": keep the TAP");
}

bool own_tap(const plan::Tap& tap, const base::Fd& netns, const Home& home) {
  const base::Fd fd = open_tun(netns, home);
  return set_iff(fd.get(), tap, false) == 0 && set_owner(fd.get(), tap) == 0;
}

}  // namespace trestle::kernel
