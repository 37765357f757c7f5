// The measured rate: what really goes through, both ways, both families.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "nat_guest.h"
#include "shape_conf.h"

using namespace trestle::test;
using nlohmann::json;
using trestle::base::Fd;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::milliseconds;

constexpr int kPort = 5001;
constexpr auto kWarm = milliseconds(700), kMeasured = milliseconds(1500);  // the burst is gone in the first

void sure(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

struct Where {
  sockaddr_storage address{};
  socklen_t size = 0;
  int family = 0;
};

Where at(const std::string& text) {
  Where out;
  out.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.address);
  out.address.ss_family = static_cast<sa_family_t>(out.family);
  if (out.family == AF_INET) {
    v4->sin_port = htons(kPort);
    sure(::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1, "inet_pton");
    out.size = sizeof *v4;
  } else {
    v6->sin6_port = htons(kPort);
    sure(::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1, "inet_pton");
    out.size = sizeof *v6;
  }
  return out;
}

Fd open_socket(const Fd& netns, const Where& where, int type, bool listen) {
  const Inside inside(netns);
  Fd fd(::socket(where.family, type | SOCK_CLOEXEC, 0));
  sure(fd.valid(), "socket");
  const int on = 1;
  const timeval patience{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto* address = reinterpret_cast<const sockaddr*>(&where.address);
  if (!listen) {
    sure(::connect(fd.get(), address, where.size) == 0, "connect");
    return fd;
  }
  sure(::bind(fd.get(), address, where.size) == 0, "bind");
  if (type == SOCK_STREAM) sure(::listen(fd.get(), 1) == 0, "listen");
  return fd;
}

// Mbit/s of payload that arrive while `from` gets as much as it takes, or `pace` bytes per millisecond.
double flow(const Fd& from, const Fd& to, std::size_t chunk, std::size_t pace = 0) {
  std::atomic<bool> enough = false;
  std::thread sender([&] {
    const std::vector<char> bytes(chunk, 'x');
    const auto began = Clock::now();
    for (std::size_t sent = 0; !enough; sent += chunk) {
      if (pace != 0) std::this_thread::sleep_until(began + milliseconds(sent / pace));
      if (::send(from.get(), bytes.data(), chunk, MSG_NOSIGNAL) < 0 && errno != ENOBUFS) break;
    }
  });
  std::vector<char> buffer(1 << 16);
  const auto began = Clock::now();
  double bytes = 0;
  Clock::time_point first = began + kWarm, last = first;
  while (Clock::now() < began + kWarm + kMeasured) {
    const ssize_t n = ::recv(to.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    last = Clock::now();
    if (last < began + kWarm)
      first = last;
    else
      bytes += static_cast<double>(n);
  }
  enough = true;
  ::shutdown(to.get(), SHUT_RDWR);
  ::shutdown(from.get(), SHUT_RDWR);
  sender.join();
  return bytes * 8 / 1e6 / std::max(duration<double>(last - first).count(), 1e-3);
}

enum class Way { to_server, to_client };

// On the wire: with the headers of full frames, which are limited too.
double tcp_rate(const Fd& client, const Fd& server, const std::string& address, Way way) {
  const Where where = at(address);
  const Fd listener = open_socket(server, where, SOCK_STREAM, true);
  const Fd connected = open_socket(client, where, SOCK_STREAM, false);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  sure(accepted.valid(), "accept");
  const double payload =
      way == Way::to_server ? flow(connected, accepted, 1 << 16) : flow(accepted, connected, 1 << 16);
  return payload * 1514 / (where.family == AF_INET ? 1448 : 1428);
}

double udp_rate(const Fd& client, const Fd& server, const std::string& address, double offered) {
  const Where where = at(address);
  const Fd bound = open_socket(server, where, SOCK_DGRAM, true);
  const Fd connected = open_socket(client, where, SOCK_DGRAM, false);
  const std::size_t payload = where.family == AF_INET ? 1472 : 1452;
  return flow(connected, bound, payload, static_cast<std::size_t>(offered * 1e3 / 8)) * 1514 /
         static_cast<double>(payload);
}

// The rate is that of the limit within a tenth. Measured again when it is not: on a machine that does much besides, sender or reader sleep through
// a part of one measurement, but not of three.
template <class Measure>
void check_limit(double limit, Measure measure) {
  CAPTURE(limit);
  double rate = 0;
  for (int tries = 0; tries < 3 && rate != Approx(limit).epsilon(0.1); ++tries) rate = measure();
  CHECK(rate == Approx(limit).epsilon(0.1));
}

// What waits in the bucket's queue may come in one lump, once a lost segment has come again.
constexpr std::uint64_t kSmallBurst = 400'000;
constexpr double kUnlimited = 200;  // any machine does that

}  // namespace

TEST_CASE("a pod gets what was asked for and no more, both ways, both families", "[shape][rate]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const int in = GENERATE(20, 100), out = 120 - in;
  CAPTURE(in, out);
  const Guest a(node, "a", limited(limits(in * kMbit, out * kMbit, kSmallBurst))), b(node, "b");
  for (const char* outside : {Lan::kOutside4, Lan::kOutside6}) {
    CAPTURE(outside);
    check_limit(in, [&] { return tcp_rate(a.netns(), lan.netns(), outside, Way::to_client); });
    check_limit(out, [&] { return tcp_rate(a.netns(), lan.netns(), outside, Way::to_server); });
    check_limit(out, [&] { return udp_rate(a.netns(), lan.netns(), outside, 1.5 * out); });
    CHECK(tcp_rate(b.netns(), lan.netns(), outside, Way::to_server) > kUnlimited);
    CHECK(tcp_rate(b.netns(), lan.netns(), outside, Way::to_client) > kUnlimited);
  }
  // Its neighbours on the switch are limited towards it, and not among themselves.
  check_limit(in, [&] { return tcp_rate(b.netns(), a.netns(), a.ip4(), Way::to_server); });
  check_limit(out, [&] { return tcp_rate(b.netns(), a.netns(), a.ip6(), Way::to_client); });
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a limit one way leaves the other way free", "[shape][rate]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", limited(limits(20 * kMbit, 0, kSmallBurst))),
      b(node, "b", limited(limits(0, 20 * kMbit, kSmallBurst)));
  check_limit(20, [&] { return tcp_rate(a.netns(), lan.netns(), Lan::kOutside4, Way::to_client); });
  CHECK(tcp_rate(a.netns(), lan.netns(), Lan::kOutside4, Way::to_server) > kUnlimited);
  check_limit(20, [&] { return tcp_rate(b.netns(), lan.netns(), Lan::kOutside6, Way::to_server); });
  CHECK(tcp_rate(b.netns(), lan.netns(), Lan::kOutside6, Way::to_client) > kUnlimited);
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a burst smaller than a frame limits the pod and does not cut it off", "[shape][rate]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  // The reference plugin makes a bucket of one byte of this, and nothing passes.
  const Guest a(node, "a", limited(limits(20 * kMbit, 20 * kMbit, 8)));
  for (const Way way : {Way::to_client, Way::to_server}) {
    const double rate = tcp_rate(a.netns(), lan.netns(), Lan::kOutside4, way);
    CHECK(rate > 10);
    CHECK(rate < 22);
  }
  leave_nothing(node, {&a});
}

TEST_CASE("the guard sees what comes by the ifb as from the pod's port", "[shape][rate]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", limited(limits(20 * kMbit, 20 * kMbit, kSmallBurst))), b(node, "b");
  check_reaches(a.netns(), b.ip4(), a.ip4());
  check_reaches(a.netns(), b.ip6(), a.ip6());
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  a.pod().must_exec("ip addr add 10.88.77.77/16 dev eth0 && ip route add 192.0.2.1/32 via 10.88.0.1 src 10.88.77.77");
  CHECK(ping(a.netns(), Lan::kOutside4, 700) != Reach::connected);
  leave_nothing(node, {&a, &b});
}
