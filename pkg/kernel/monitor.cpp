#include "kernel/monitor.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <iterator>

#include "base/error.h"
#include "kernel/netlink_messages.h"
#include "kernel/our_tag.h"

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

// What switches learn and forget is other people's, and whoever may send frames with any MAC makes as much of it as he likes: it is not even
// queued. Of FDB entries only permanent ones that went are let pass, of other neighbours all.
void leave_out_stations(const base::Fd& fd) {
  constexpr int kRoom = 1 << 20;
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom));
  // The numbers of netlink are in the host's order, a filter loads big-endian ones.
  const auto field = [](std::size_t offset) { return static_cast<std::uint32_t>(NLMSG_HDRLEN + offset); };
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, field(offsetof(ndmsg, ndm_family))),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 0, 4),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELNEIGH), 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, field(offsetof(ndmsg, ndm_state))),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, htons(NUD_PERMANENT), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

template <class F>
bool drain_those(int fd, F&& is_news) {
  alignas(nlmsghdr) char buffer[65536];
  bool any = false;
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 0)
      any = is_news({buffer, static_cast<std::size_t>(n)}) || any;
    else if (errno == ENOBUFS)
      any = true;
    else if (n == 0 || errno != EINTR)
      return any;
  }
}

}  // namespace

Monitor::Monitor()
    : links_(listen(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                                    RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP})),
      tables_(listen(NETLINK_NETFILTER, {NFNLGRP_NFTABLES})),
      neighbours_(listen(NETLINK_ROUTE, {RTNLGRP_NEIGH})) {
  leave_out_stations(neighbours_);
}

bool Monitor::drain(int fd) {
  return drain_those(fd, [](std::string_view) { return true; });
}

bool Monitor::drain_neighbours(int fd) {
  return drain_those(fd, [](std::string_view datagram) {
    bool any = false;
    for_each_message(datagram, [&](const nlmsghdr& message) {
      const auto entry = header_of<ndmsg>(message);
      if (!entry) return;
      const Attrs attrs = Attrs::of(message, sizeof(ndmsg));
      const bool gone = message.nlmsg_type == RTM_DELNEIGH;
      if (entry->ndm_family == AF_BRIDGE)
        any = any || (gone && (entry->ndm_state & NUD_PERMANENT) != 0 && attrs.view(NDA_DST));
      else
        any = any || attrs.u8(NDA_PROTOCOL) == kOurProtocol;
    });
    return any;
  });
}

}  // namespace trestle::kernel
