// Published ports and what goes on meanwhile: flows that outlive a pod, pods that want one port, SCTP.
#include <catch2/catch.hpp>
#include <cstdint>

#include "nat_guest.h"
#include "publish_conf.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr int kClient = 40'123;  // a client that keeps its port: a resolver, a tunnel

json named(const std::string& network, const std::string& subnet, const json& ports,
           const json& members = json::object()) {
  json all = members;
  all.update({{"name", network}, {"subnets", {subnet}}});
  return publishing(ports, all);
}

// CRC32c of an SCTP packet whose checksum field (bytes 8 to 11) is 0, put there: conntrack refuses others.
void seal_sctp(std::string& packet) {
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : packet) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  crc = ~crc;
  for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<char>(crc >> (8 * i));
}

std::string sctp_init(int from_port, int to_port, const std::string& mark) {
  const auto be16 = [](int n) { return std::string{static_cast<char>(n >> 8), static_cast<char>(n & 0xff)}; };
  std::string chunk = std::string("\x01\0", 2) + be16(20 + 4 + static_cast<int>(mark.size())) + "\x11\x22\x33\x44" +
                      std::string("\0\1\0\0", 4) + std::string("\0\1\0\1", 4) + "\x11\x22\x33\x44" + "\xc0\x01" +
                      be16(4 + static_cast<int>(mark.size())) + mark;
  std::string packet = be16(from_port) + be16(to_port) + std::string(8, '\0') + chunk;
  seal_sctp(packet);
  return packet;
}

}  // namespace

TEST_CASE("a UDP flow that is older than the pod, or that had another one, goes to the pod that holds the port now",
          "[publish][conntrack]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const auto asks = [&](const std::string& address, const std::string& as) {
    CAPTURE(address);
    CHECK(udp_talk(lan.netns(), address, 8053, 3000, kClient).seen() == as);
  };
  const json ports{mapping(8053, kEcho, "udp")};
  // Nobody is there yet, and conntrack remembers that the packet was for the host.
  for (const char* host : {Lan::kHost4, Lan::kHost6}) udp_talk(lan.netns(), host, 8053, 300, kClient);
  const Guest a(node, "a", publishing(ports));
  asks(Lan::kHost4, Lan::kOutside4);
  asks(Lan::kHost6, Lan::kOutside6);
  a.leave();
  // Refused at once, not sent after a pod that is gone.
  for (const char* host : {Lan::kHost4, Lan::kHost6}) {
    CAPTURE(host);
    answer_without_limit();
    CHECK(udp_talk(lan.netns(), host, 8053, 3000, kClient).reach == Reach::refused);
  }
  const Guest b(node, "b", publishing(ports));
  asks(Lan::kHost4, Lan::kOutside4);
  asks(Lan::kHost6, Lan::kOutside6);
  leave_nothing(node, {&b});
}

TEST_CASE("the flows of other ports and protocols live on when a pod comes or goes", "[publish][conntrack]") {
  SKIP_IF(!run("command -v conntrack").ok(), "conntrack is not installed");
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", publishing(both_protocols(8080)));
  CHECK(udp_talk(lan.netns(), Lan::kHost4, 8080, 3000, kClient).reach == Reach::connected);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).reach == Reach::connected);
  const auto flows = [] { return run("conntrack -L 2>/dev/null | grep -c 'dport=8080'").out; };
  const std::string before = flows();
  const Guest b(node, "b",
                named("other", "10.89.0.0/16", json{mapping(8053, kEcho, "udp"), mapping(8054, kEcho, "tcp")}));
  CHECK(flows() == before);
  b.leave();
  CHECK(flows() == before);
  leave_nothing(node, {&a});
}

TEST_CASE("a port has one holder, and who comes second is told who that is", "[publish][held]") {
  Node node;
  const Lan lan(node.host());
  must_run("ip addr add 192.0.2.20/24 dev uplink0");
  node.settle();
  const Guest a(node, "a", named("front", "10.89.0.0/16", json{mapping(8080, kEcho, "tcp")}));
  const Pod pod("b");
  for (const json& ports : {json{mapping(8080, 7, "tcp")}, with_host_ip(json{mapping(8080, 7, "tcp")}, "192.0.2.20"),
                            json{mapping(9000, 7, "tcp"), mapping(8080, 9, "tcp")}}) {
    const Answer refused = node.add(pod, named("back", "10.90.0.0/16", ports));
    CAPTURE(told(refused));
    CHECK(refused.code() == 103);
    CHECK_THAT(refused.json.value("msg", ""),
               Contains("8080/tcp") && Contains("container a/eth0") && Contains("network 'front'"));
    CHECK(run("nft get element inet trestle dnat4 '{ tcp . 9000 }'").status != 0);
  }
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).seen() == Lan::kOutside4);
  CHECK(node.records().size() == 1);
  // UDP is another port; so is IPv6, which the first has no address of.
  const Guest c(node, "c", named("udp", "10.91.0.0/16", json{mapping(8080, kEcho, "udp")}));
  const Guest d(node, "d", named("six", "fd92::/64", json{mapping(8080, kEcho, "tcp")}));
  CHECK(tcp_talk(lan.netns(), Lan::kHost6, 8080).seen() == Lan::kOutside6);
  leave_nothing(node, {&d, &c, &a});
}

TEST_CASE("SCTP is led on too, both families", "[publish][sctp]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", publishing(json{mapping(8080, 80, "sctp")}));
  Wire out(lan.netns(), "eth0"), pod(a.netns(), "eth0");
  const auto mac = [](const std::string& text) { return json::parse(text).at(0).at("address").get<std::string>(); };
  const std::string to = mac(must_run("ip -j link show uplink0")), from = mac(lan.exec("ip -j link show eth0").out);
  const std::string port80("\0\x50", 2);
  out.send(ethernet(to, from, kEthIp4, ip4(Lan::kOutside4, Lan::kHost4, 132, sctp_init(5000, 8080, "four-sctp"))));
  const auto four = pod.wait_for("four-sctp", 2000);
  REQUIRE(four);
  CHECK(four->bytes.substr(14 + 16, 4) == ip_bytes(a.ip4()));
  CHECK(four->bytes.substr(14 + 20 + 2, 2) == port80);
  out.send(ethernet(to, from, kEthIp6, ip6(Lan::kOutside6, Lan::kHost6, 132, sctp_init(5000, 8080, "six-sctp"))));
  const auto six = pod.wait_for("six-sctp", 2000);
  REQUIRE(six);
  CHECK(six->bytes.substr(14 + 24, 16) == ip_bytes(a.ip6()));
  CHECK(six->bytes.substr(14 + 40 + 2, 2) == port80);
  CHECK(node.check(a.pod(), a.added(), publishing(json{mapping(8080, 80, "sctp")})).ok());
  leave_nothing(node, {&a});
}
