#include "kernel/port_refusal.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/datagrams.h"

namespace trestle::kernel {

namespace {

using Clock = std::chrono::steady_clock;

// Who refused, by the next error in the queue; nullopt: that was another error, or none.
std::optional<net::Ip> next_refusal(int fd) {
  sockaddr_storage to{};
  char control[512];
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(fd, &message, MSG_ERRQUEUE) < 0) {
    int pending = 0;  // one that is in no queue keeps poll() awake
    socklen_t size = sizeof pending;
    (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size);
    return std::nullopt;
  }
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    sock_extended_err why{};
    if (one->cmsg_len < CMSG_LEN(sizeof why)) continue;
    std::memcpy(&why, CMSG_DATA(one), sizeof why);
    if (why.ee_errno == ECONNREFUSED && message.msg_namelen != 0) return ip_of(to);
  }
  return std::nullopt;
}

}  // namespace

std::set<net::Ip> refusing(const std::vector<net::Ip>& nodes, std::uint16_t port, const net::Ip& local,
                           int timeout_ms) {
  std::set<net::Ip> out;
  if (nodes.empty()) return out;
  const bool v4 = local.family == net::Family::v4;
  const base::Fd fd = udp_from(local);
  const int on = 1;
  (void)::setsockopt(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on, sizeof on);
  constexpr int kRounds =
      5;  // a node says so once a second to each: one who was asked just before is silent for a while
  for (int round = 0; round < kRounds && out.size() < nodes.size(); ++round) {
    for (const net::Ip& node : nodes) {
      if (out.contains(node)) continue;
      sockaddr_storage address{};
      const socklen_t size = fill(address, node, port);
      // Without a byte it is no tunnel packet: who takes those throws it away. The first try may tell of another node's refusal instead.
      for (int tries = 0; tries < 3; ++tries)
        if (::sendto(fd.get(), "", 0, 0, reinterpret_cast<const sockaddr*>(&address), size) == 0) break;
    }
    const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms / (kRounds - 1));
    while (out.size() < nodes.size()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd poll{fd.get(), 0, 0};  // errors alone
      if (left <= 0 || ::poll(&poll, 1, static_cast<int>(left)) <= 0) break;
      const auto node = next_refusal(fd.get());
      if (node) out.insert(*node);
    }
  }
  return out;
}

}  // namespace trestle::kernel
