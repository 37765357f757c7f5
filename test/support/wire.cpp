#include "support/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "support/netns.h"

namespace trestle::test {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Wire::Wire(const base::Fd& netns, const std::string& link) {
  const Inside inside(netns);
  fd_ = base::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_.valid()) fail("packet socket");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  if (where.sll_ifindex == 0) fail("packet socket on " + link);
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) fail("packet socket on " + link);
}

void Wire::send(std::string_view frame) {
  if (::send(fd_.get(), frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size())) fail("send a frame");
}

std::optional<Frame> Wire::wait(const std::function<bool(const Frame&)>& wanted, int patience_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  for (;;) {
    char bytes[65536];
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t n = ::recvfrom(fd_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n >= 0) {
      Frame frame{std::string(bytes, static_cast<std::size_t>(n)), from.sll_pkttype == PACKET_OUTGOING};
      if (wanted(frame)) return frame;
      continue;
    }
    if (errno == EINTR || errno == ENETDOWN) continue;
    if (errno != EAGAIN) fail("receive a frame");
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd one{fd_.get(), POLLIN, 0};
    ::poll(&one, 1, static_cast<int>(left));
  }
}

std::optional<Frame> Wire::wait_for(std::string_view part, int patience_ms) {
  return wait([&](const Frame& frame) { return frame.bytes.find(part) != std::string::npos; }, patience_ms);
}

void Wire::forget() {
  while (wait([](const Frame&) { return true; }, 0)) continue;
}

}  // namespace trestle::test
