// What a pod's packets pay for the number of its neighbours. Hidden: netns_nat "[.bench]" prints it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>

#include "nat_guest.h"
#include "publish_conf.h"

using namespace trestle::test;

namespace {

// Microseconds of a UDP round trip: the best hundred in a row of many.
double round_trip(const trestle::base::Fd& from, const std::string& to, int port) {
  const Inside inside(from);
  const trestle::base::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(::inet_pton(AF_INET, to.c_str(), &there.sin_addr) == 1);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0);
  constexpr int kBatches = 100, kBatch = 100;
  double best = 1e9;
  for (int i = 0; i < kBatches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < kBatch; ++k) {
      char answer[64];
      REQUIRE(::send(fd.get(), "?", 1, 0) == 1);
      REQUIRE(::recv(fd.get(), answer, sizeof answer, 0) > 0);
    }
    best = std::min(
        best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() / kBatch);
  }
  return best;
}

double round_trip(const Guest& from, const Guest& to) { return round_trip(from.netns(), to.ip4(), kEcho); }

// The guard's elements of so many pods that are not there.
void crowd(int pods) {
  std::string ports, macs, ip4, ip6;
  for (int i = 0; i < pods; ++i) {
    char port[16], mac[24], last[8];
    std::snprintf(port, sizeof port, "\"crowd%d\"", i);
    std::snprintf(mac, sizeof mac, "02:00:00:00:%02x:%02x", i >> 8, i & 255);
    std::snprintf(last, sizeof last, "%x", i + 16);
    ports += port + std::string(",");
    macs += port + std::string(" . ") + mac + ",";
    ip4 += port + (" . 10.88." + std::to_string(100 + i / 256)) + "." + std::to_string(i % 256) + ",";
    ip6 += port + std::string(" . fd88::") + last + ",";
  }
  const auto add = [](const std::string& set, const std::string& all) {
    return "add element bridge trestle " + set + " { " + all + " }\n";
  };
  const Ran ran = start({{"/usr/sbin/nft", "-f", "-"},
                         {},
                         add("ports", ports) + add("mac", macs) + add("addr4", ip4) + add("addr6", ip6)});
  INFO(ran.err);
  REQUIRE(ran.ok());
}

}  // namespace

TEST_CASE("a packet costs the same among 2 pods and among 10,000", "[.bench]") {
  const Node node;
  const Guest a(node, "a"), b(node, "b");
  const double few = round_trip(a, b);
  crowd(10'000);
  const double many = round_trip(a, b);
  std::printf("pod to pod and back: %.1f us among 2 pods, %.1f us among 10,000\n", few, many);
  CHECK(many < few * 1.1);
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a packet costs the same with 1 published port on the node and with 1,000", "[.bench]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", publishing(both_protocols(8080))), b(node, "b");
  const auto measure = [&] { return std::pair{round_trip(lan.netns(), Lan::kHost4, 8080), round_trip(a, b)}; };
  const auto [led, between] = measure();
  nlohmann::json ports = nlohmann::json::array();
  for (int i = 0; i < 1000; ++i) ports.push_back(mapping(20000 + i, 7, i % 2 == 0 ? "tcp" : "udp"));
  const Guest c(node, "c", publishing(ports));
  const auto [led_among, between_among] = measure();
  std::printf(
      "through a published port and back: %.1f us with 1 port, %.1f us among 1,000; pod to pod %.1f and %.1f us\n", led,
      led_among, between, between_among);
  CHECK(led_among < led * 1.1);
  CHECK(between_among < between * 1.1);
  leave_nothing(node, {&a, &b, &c});
}
