// takeAddresses: the host's addresses and routes go to the switch and come back, and no connection notices.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <thread>

#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

using Clock = std::chrono::steady_clock;

// A TCP connection between the host and the LAN that carries a byte to and fro all the time. Opened by the LAN: nothing of the host but its
// address holds it.
class Stream {
 public:
  Stream(const Node& node, const Lan& lan) {
    const int listener = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(4000);
    const int one = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    {
      const Inside inside(lan.netns());
      client_ = ::socket(AF_INET, SOCK_STREAM, 0);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(4000);
    to.sin_addr.s_addr = htonl(0xc0000202);  // Lan::kHost4
    REQUIRE(::connect(client_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    server_ = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    static_cast<void>(node);
    thread_ = std::thread([this] { run(); });
  }
  ~Stream() { stop(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void stop() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    if (client_ >= 0) ::close(client_);
    if (server_ >= 0) ::close(server_);
    client_ = server_ = -1;
  }
  bool broken() const { return broken_; }
  int rounds() const { return rounds_; }
  int longest_ms() const { return longest_; }

 private:
  static bool pass(int from, int to) {
    char byte = 'x';
    if (::send(from, &byte, 1, MSG_NOSIGNAL) != 1) return false;
    pollfd ready{to, POLLIN, 0};
    return ::poll(&ready, 1, 10'000) == 1 && ::recv(to, &byte, 1, 0) == 1;
  }
  void run() {
    while (!ending_) {
      const auto began = Clock::now();
      if (!pass(client_, server_) || !pass(server_, client_)) {
        broken_ = true;
        return;
      }
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
      longest_ = std::max(longest_.load(), static_cast<int>(took.count()));
      ++rounds_;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  int client_ = -1, server_ = -1;
  std::atomic<bool> ending_ = false, broken_ = false;
  std::atomic<int> rounds_ = 0, longest_ = 0;
  std::thread thread_;
};

void more_addresses() {
  must_run("ip addr add 192.0.2.7/24 brd + dev uplink0 && ip addr add 198.51.100.9/32 dev uplink0");
  must_run("ip route add 198.51.100.0/24 via 192.0.2.1 src 192.0.2.7 metric 7");
  must_run("ip route add 203.0.113.0/24 dev uplink0 table 77");
  must_run("ip route add 203.0.114.1 via 10.77.0.1 dev uplink0 onlink proto 99");
  must_run("ip -6 route add 2001:db8:99::/48 via 2001:db8::1 metric 50");
}

}  // namespace

TEST_CASE("takeAddresses: everything of the host is on the switch with the first pod and on the NIC after the release",
          "[uplink]") {
  Node node;
  const Lan lan(node.host());
  more_addresses();
  node.settle();
  const std::string before = host_state();
  const Guest a(node, "a", lan_conf());
  CHECK(must_run("ip -o -4 addr show dev uplink0; ip -4 route show table all dev uplink0").empty());
  CHECK_THAT(must_run("ip -4 route show table 77"), Contains("dev trdemo"));
  CHECK_THAT(must_run("ip route show 203.0.114.1"), Contains("proto 99 onlink") || Contains("onlink"));
  check_host_lives(lan);
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, a.ip6());
  CHECK(ping(a.netns(), Lan::kHost4) == Reach::connected);
  CHECK(node.check(a.pod(), a.added(), lan_conf()).ok());
  const Ran refused = node.command({"uplink", "release"});
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, Contains("has pods of network 'demo'"));
  a.leave();
  // The last pod has gone, and its switch stays: the host lives on it.
  check_host_lives(lan);
  CHECK_THAT(node.command({"uplink"}).out, Contains("uplink0 on switch trdemo: 192.0.2.2/24") && Contains("no pods"));
  CHECK(node.gc(json::array()).ok());
  check_host_lives(lan);
  // A typo was told that no NIC had lent anything, with exit code 0.
  const Ran typo = node.command({"uplink", "release", "nic9"});
  CHECK(typo.status == 1);
  CHECK_THAT(typo.out, Contains("nic9 has lent no addresses to a switch, and this host has no such link; "
                                "uplink0 (on switch trdemo) has"));
  must_run("ip addr add 192.0.2.8/24 dev trdemo");  // what came since goes to the NIC too
  CHECK(node.command({"uplink", "release", "uplink0"}).ok());
  CHECK_THAT(must_run("ip -o addr show dev uplink0"), Contains("192.0.2.8/24"));
  must_run("ip addr del 192.0.2.8/24 dev uplink0");
  CHECK(host_state() == before);
  CHECK(node.left() == kNothing);
  CHECK_THAT(node.command({"uplink", "release"}).out, Contains("no NIC"));
  CHECK(node.command({"uplink", "release", "uplink0"}).ok());  // again is no error
  check_host_lives(lan);
}

TEST_CASE("takeAddresses loses no established connection, on the way there and back", "[uplink]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  Stream stream(node, lan);
  for (int round = 0; round < 3; ++round) {
    const Guest a(node, "a", lan_conf());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    a.leave();
    REQUIRE(node.command({"uplink", "release"}).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  stream.stop();
  CHECK_FALSE(stream.broken());
  CHECK(stream.rounds() > 100);
  CHECK(stream.longest_ms() < at_most(2500).count());
  CHECK(node.left() == kNothing);
}

TEST_CASE("takeAddresses: CHECK names what is gone from the switch, repair mends it; a removed route stays removed",
          "[uplink]") {
  Node node;
  const Lan lan(node.host());
  more_addresses();
  node.settle();
  const Guest a(node, "a", lan_conf());
  must_run("ip addr del 192.0.2.2/24 dev trdemo");
  CHECK_THAT(told(node.check(a.pod(), a.added(), lan_conf())),
             Contains("the host's address 192.0.2.2/24 is not on trdemo"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), lan_conf()).ok());
  check_host_lives(lan);
  must_run(
      "ip route del 198.51.100.0/24 && ip link set trdemo type bridge stp_state 0 && ip link set uplink0 nomaster");
  CHECK(node.check(a.pod(), a.added(), lan_conf()).code() == 105);
  CHECK(node.command({"repair"}).ok());
  CHECK(must_run("ip route show 198.51.100.0/24").empty());
  check_host_lives(lan);
}

TEST_CASE("takeAddresses: the store is lost, and the host keeps its addresses all the same", "[uplink]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const std::string before = host_state();
  {
    const Guest a(node, "a", lan_conf());
    must_run("rm -rf " + node.state());
    const bool again = GENERATE(true, false);
    if (again) {
      const Guest b(node, "b", lan_conf());
      check_host_lives(lan);
      b.leave();
    }
    a.leave();
  }
  wait_gone("veth");
  check_host_lives(lan);
  const Ran released = node.command({"uplink", "release"});
  CAPTURE(released.out, released.err);
  CHECK(released.ok());
  CHECK(host_state() == before);
  check_host_lives(lan);
}

TEST_CASE("two networks on one switch with takeAddresses, in every order of going", "[uplink]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json second = lan_conf({{"name", "second"}, {"bridge", "trdemo"}});
  const bool first_goes_first = GENERATE(true, false);
  const Guest a(node, "a", lan_conf()), b(node, "b", second);
  check_host_lives(lan);
  (first_goes_first ? a : b).leave();
  check_host_lives(lan);
  (first_goes_first ? b : a).leave();
  check_host_lives(lan);
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("takeAddresses: the host's IPv6 source stays the same one, and thousands of routes go along", "[uplink]") {
  Node node;
  const Lan lan(node.host());
  must_run(
      "ip -6 addr add 2001:db8::11/64 dev uplink0 nodad && ip -6 addr add 2001:db8::12/64 dev uplink0 nodad && ls "
      "/run");
  must_run(
      "for i in $(seq 0 15); do for j in $(seq 0 249); do echo route add 20.$i.$j.0/24 via 192.0.2.1 dev uplink0; "
      "done; "
      "done | ip -batch - && ip route show 20.15.249.0/24");
  node.settle();
  const std::string before = host_state();
  const auto source = [] { return must_run("ip -6 route get 2001:db8::1 | grep -o 'src [^ ]*'"); };
  const std::string spoke = source();
  const Guest a(node, "a", lan_conf());
  CHECK(source() == spoke);
  CHECK_THAT(must_run("ip route show 20.15.249.0/24"), Contains("dev trdemo"));
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK(source() == spoke);
  CHECK(host_state() == before);
  CHECK(node.left() == kNothing);
}
