#include "support/traffic.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "support/frame.h"
#include "support/netns.h"

namespace trestle::test {

namespace {

using Clock = std::chrono::steady_clock;

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
  int family = AF_UNSPEC;
};

Target target(const std::string& text, int port) {
  Target to;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&to.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&to.address);
  if (text.find(':') == std::string::npos) {
    to.family = v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    to.size = sizeof *v4;
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) return to;
  } else {
    to.family = v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    to.size = sizeof *v6;
    const std::size_t zone = text.find('%');
    if (zone != std::string::npos) v6->sin6_scope_id = ::if_nametoindex(text.c_str() + zone + 1);
    if (::inet_pton(AF_INET6, text.substr(0, zone).c_str(), &v6->sin6_addr) == 1) return to;
  }
  throw std::invalid_argument("not an address: " + text);
}

Reach meaning(int err) {
  if (err == ECONNREFUSED || err == ECONNRESET) return Reach::refused;
  return err == ETIMEDOUT || err == EAGAIN || err == EINPROGRESS ? Reach::timeout : Reach::unreachable;
}

// Waits for `events`; false when the time is over.
bool wait_for(int fd, short events, int patience_ms) {
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, patience_ms) > 0;
}

int pending_error(int fd) {
  int err = 0;
  socklen_t size = sizeof err;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
  return err;
}

Talk talk(const base::Fd& netns, int type, const std::string& address, int port, int patience_ms, int from_port) {
  const Inside inside(netns);
  const Target to = target(address, port);
  const base::Fd fd(::socket(to.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "socket");
  if (from_port != 0) {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const Target from = target(to.family == AF_INET ? "0.0.0.0" : "::", from_port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from.address), from.size) != 0)
      throw std::system_error(errno, std::generic_category(), "bind");
  }
  const int connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.address), to.size);
  if (connected != 0 && errno != EINPROGRESS) return {meaning(errno), {}};
  if (type == SOCK_STREAM) {
    if (!wait_for(fd.get(), POLLOUT, patience_ms)) return {Reach::timeout, {}};
    if (const int err = pending_error(fd.get())) return {meaning(err), {}};
  } else if (::send(fd.get(), "?", 1, 0) < 0) {
    return {meaning(errno), {}};
  }
  if (!wait_for(fd.get(), POLLIN, patience_ms)) return {type == SOCK_STREAM ? Reach::connected : Reach::timeout, {}};
  char bytes[2048];
  const ssize_t n = ::recv(fd.get(), bytes, sizeof bytes, 0);
  if (n < 0) return {meaning(errno), {}};
  return {Reach::connected, std::string(bytes, static_cast<std::size_t>(n))};
}

// One ICMP message on a raw socket, IPv4 header (if any) taken off: the answer to our echo, an error about it, or
// neither.
std::optional<Reach> judge(int family, std::string_view packet, std::uint16_t id) {
  if (family == AF_INET) {
    if (packet.size() < 20) return std::nullopt;
    packet.remove_prefix(std::min<std::size_t>(packet.size(), (static_cast<unsigned char>(packet[0]) & 15U) * 4U));
  }
  if (packet.size() < 8) return std::nullopt;
  const int type = static_cast<unsigned char>(packet[0]);
  std::uint16_t found = 0;
  std::memcpy(&found, packet.data() + 4, sizeof found);
  if (type == (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) && found == id) return Reach::connected;
  if (type == (family == AF_INET ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH)) return Reach::unreachable;
  return std::nullopt;
}

}  // namespace

const char* name_of(Reach reach) {
  switch (reach) {
    case Reach::connected:
      return "connected";
    case Reach::refused:
      return "refused";
    case Reach::timeout:
      return "timeout";
    case Reach::unreachable:
      return "unreachable";
  }
  return "?";
}

Talk tcp_talk(const base::Fd& netns, const std::string& address, int port, int patience_ms, int from_port) {
  return talk(netns, SOCK_STREAM, address, port, patience_ms, from_port);
}

Talk udp_talk(const base::Fd& netns, const std::string& address, int port, int patience_ms, int from_port) {
  return talk(netns, SOCK_DGRAM, address, port, patience_ms, from_port);
}

Reach ping(const base::Fd& netns, const std::string& address, int patience_ms) {
  static std::uint16_t number = 0;
  const Inside inside(netns);
  const Target to = target(address, 0);
  const bool v4 = to.family == AF_INET;
  const base::Fd fd(
      ::socket(to.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
  if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "raw socket");
  const auto id = static_cast<std::uint16_t>(::getpid() + ++number);
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  const int every_ms = 200;
  while (Clock::now() < deadline) {
    std::string echo(16, '\0');
    echo[0] = static_cast<char>(v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
    std::memcpy(echo.data() + 4, &id, sizeof id);
    if (v4) set_checksum(echo, 2, checksum(echo));  // IPv6: the kernel's task
    if (::sendto(fd.get(), echo.data(), echo.size(), 0, reinterpret_cast<const sockaddr*>(&to.address), to.size) < 0 &&
        meaning(errno) != Reach::timeout)
      return meaning(errno);
    const auto next = std::min(deadline, Clock::now() + std::chrono::milliseconds(every_ms));
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()).count();
      if (left <= 0 || !wait_for(fd.get(), POLLIN, static_cast<int>(left))) break;
      char bytes[2048];
      const ssize_t n = ::recv(fd.get(), bytes, sizeof bytes, 0);
      if (n < 0) continue;
      if (const auto reach = judge(to.family, {bytes, static_cast<std::size_t>(n)}, id)) return *reach;
    }
  }
  return Reach::timeout;
}

}  // namespace trestle::test
