#include "kernel/icmp_echo.h"

#include <arpa/inet.h>
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

#include "base/error.h"
#include "base/fd.h"
#include "kernel/datagrams.h"

namespace trestle::kernel {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHead = 8;  // of an ICMP echo, both families

std::uint16_t checksum(const std::string& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum +=
        static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i]) << 8 | static_cast<std::uint8_t>(bytes[i + 1]));
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes.back()) << 8);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// One family's raw socket.
class Echoes {
 public:
  explicit Echoes(net::Family family) : family_(family), id_(static_cast<std::uint16_t>(::getpid())) {
    const bool v4 = family == net::Family::v4;
    socket_ = base::Fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
    if (!socket_.valid()) base::throw_errno(errno, "open a socket for ICMP");
    const int probe = v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
    (void)::setsockopt(socket_.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &probe,
                       sizeof probe);
  }

  void ask(const net::Ip& to, std::size_t payload) {
    std::string packet(kHead + payload, '\0');
    packet[0] =
        static_cast<char>(family_ == net::Family::v4 ? std::uint8_t{ICMP_ECHO} : std::uint8_t{ICMP6_ECHO_REQUEST});
    packet[4] = static_cast<char>(id_ >> 8);
    packet[5] = static_cast<char>(id_ & 0xff);
    if (family_ == net::Family::v4) {  // the kernel does it for ICMPv6
      const std::uint16_t sum = checksum(packet);
      packet[2] = static_cast<char>(sum >> 8);
      packet[3] = static_cast<char>(sum & 0xff);
    }
    sockaddr_storage address{};
    const socklen_t size = fill(address, to, 0);
    (void)::sendto(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&address), size);
  }

  // Those of `waited` that have answered by then leave it for `heard`.
  void hear(std::set<net::Ip>& waited, std::set<net::Ip>& heard, Clock::time_point until) {
    while (!waited.empty()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      pollfd poll{socket_.get(), POLLIN, 0};
      if (left <= 0 || ::poll(&poll, 1, static_cast<int>(left)) <= 0) return;
      char buffer[65536];
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= 0) continue;
      if (const auto ip = answer({buffer, static_cast<std::size_t>(n)}, from); ip && waited.erase(*ip) != 0)
        heard.insert(*ip);
    }
  }

 private:
  std::optional<net::Ip> answer(std::string_view packet, const sockaddr_storage& from) const {
    const bool v4 = family_ == net::Family::v4;
    if (v4) {
      const std::size_t head = packet.empty() ? 0 : static_cast<std::size_t>(packet[0] & 0x0f) * 4;
      if (head < 20 || packet.size() < head) return std::nullopt;
      packet.remove_prefix(head);
    }
    if (packet.size() < kHead || static_cast<std::uint8_t>(packet[0]) != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
      return std::nullopt;
    if (static_cast<std::uint8_t>(packet[4]) != id_ >> 8 || static_cast<std::uint8_t>(packet[5]) != (id_ & 0xff))
      return std::nullopt;
    return ip_of(from);
  }

  net::Family family_;
  std::uint16_t id_;
  base::Fd socket_;
};

}  // namespace

std::set<net::Ip> echo(const std::vector<net::Ip>& targets, std::size_t payload, int timeout_ms) {
  std::set<net::Ip> heard;
  const auto until = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    std::set<net::Ip> waited;
    for (const net::Ip& ip : targets)
      if (ip.family == family) waited.insert(ip);
    if (waited.empty()) continue;
    Echoes echoes(family);
    for (const net::Ip& ip : waited) echoes.ask(ip, payload);
    echoes.hear(waited, heard, std::max(until, Clock::now() + std::chrono::milliseconds(timeout_ms / 2)));
  }
  return heard;
}

}  // namespace trestle::kernel
