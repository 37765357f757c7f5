#include "kernel/monitor.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <initializer_list>

#include "base/error.h"

namespace trestle::kernel {

namespace {

base::Fd listen(int protocol, std::initializer_list<unsigned> groups) {
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
    base::throw_errno(errno, "listen to netlink");
  for (const unsigned group : groups)  // one that the kernel does not have is no news
    static_cast<void>(::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group));
  return fd;
}

}  // namespace

Monitor::Monitor()
    : links_(listen(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                    RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP})),
      tables_(listen(NETLINK_NETFILTER, {NFNLGRP_NFTABLES})) {}

bool Monitor::drain(int fd) {
  char buffer[65536];
  bool any = false;
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 0 || (n < 0 && errno == ENOBUFS)) {
      any = true;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    return any;
  }
}

}  // namespace trestle::kernel
