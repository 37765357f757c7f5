#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "support/netns.h"
#include "support/traffic.h"

namespace trestle::test {

namespace {

base::Fd listener(int type, int port) {
  base::Fd fd(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  const int on = 1, off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
      (type == SOCK_STREAM && ::listen(fd.get(), 64) != 0))
    throw std::system_error(errno, std::generic_category(), "listen for echoes");
  return fd;
}

std::string text_of(const sockaddr_in6& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr))
    ::inet_ntop(AF_INET, &peer.sin6_addr.s6_addr[12], text, sizeof text);
  else
    ::inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text);
  return std::string(text) + " " + std::to_string(ntohs(peer.sin6_port));
}

[[noreturn]] void serve(const base::Fd& tcp, const base::Fd& udp) {
  for (;;) {
    pollfd ready[] = {{tcp.get(), POLLIN, 0}, {udp.get(), POLLIN, 0}};
    if (::poll(ready, 2, -1) < 0) continue;
    sockaddr_in6 peer{};
    socklen_t size = sizeof peer;
    if (ready[0].revents != 0) {
      const base::Fd connection(::accept4(tcp.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
      const std::string answer = text_of(peer);
      if (connection.valid()) static_cast<void>(::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
    }
    if (ready[1].revents != 0) {
      // The control bytes hold the address that was asked: a host has several, and the answer must come from that one.
      char bytes[2048], control[256];
      iovec part{bytes, sizeof bytes};
      msghdr message{};
      message.msg_name = &peer;
      message.msg_namelen = sizeof peer;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      if (::recvmsg(udp.get(), &message, 0) < 0) continue;
      std::string answer = text_of(peer);
      part = {answer.data(), answer.size()};
      static_cast<void>(::sendmsg(udp.get(), &message, MSG_NOSIGNAL));
    }
  }
}

}  // namespace

Echo::Echo(const base::Fd& netns, int port) {
  const Inside inside(netns);
  const base::Fd tcp = listener(SOCK_STREAM, port), udp = listener(SOCK_DGRAM, port);
  child_ = ::fork();
  if (child_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(tcp, udp);
  }
}

Echo::~Echo() {
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace trestle::test
