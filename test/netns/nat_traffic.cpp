// What a pod of a NAT network reaches, who reaches it, and what the other side sees of it.
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;

namespace {

// The outside addresses in the order of Guest::addresses().
struct Family {
  const char *outside, *host, *gateway, *prefix;
  std::size_t index;
};
constexpr Family kFamilies[] = {
    {Lan::kOutside4, Lan::kHost4, "10.88.0.1", "10.88.0.0/16", 0},
    {Lan::kOutside6, Lan::kHost6, "fd88::1", "fd88::/64", 1},
};

int port_of(const Talk& talk) { return std::stoi(talk.answer.substr(talk.answer.find(' ') + 1)); }

bool holds(const Frame& frame, const std::string& part) { return frame.bytes.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("pods of one switch, the host and the gateway reach each other, whatever bridge-nf-call says", "[nat]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  const Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Echo host(node.host().netns(), kEcho);
  const Guest a(node, "a"), b(node, "b");
  for (const Family& family : kFamilies) {
    const std::string from = a.addresses().at(family.index), to = b.addresses().at(family.index);
    check_reaches(a.netns(), to, from);
    check_reaches(b.netns(), from, to);
    check_reaches(a.netns(), family.gateway, from);
    check_reaches(node.host().netns(), to, family.gateway);
  }
  leave_nothing(node, {&a, &b});
}

TEST_CASE("outside sees the host's address and no privileged port", "[nat]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a"), b(node, "b");
  for (const Family& family : kFamilies) {
    check_reaches(a.netns(), family.outside, family.host);
    // NFS and rsh trust whoever comes from such a port: only the host itself may.
    for (const int port : {512, 700, 1023}) {
      CAPTURE(family.outside, port);
      const Talk tcp = tcp_talk(a.netns(), family.outside, kEcho, 3000, port);
      REQUIRE(tcp.seen() == family.host);
      CHECK(port_of(tcp) >= 1024);
      const Talk udp = udp_talk(a.netns(), family.outside, kEcho, 3000, port);
      REQUIRE(udp.seen() == family.host);
      CHECK(port_of(udp) >= 1024);
    }
    // Two pods with one port of their own: both are answered.
    const Talk first = udp_talk(a.netns(), family.outside, kEcho, 3000, 4000),
               second = udp_talk(b.netns(), family.outside, kEcho, 3000, 4000);
    CHECK(first.seen() == family.host);
    CHECK(second.seen() == family.host);
    CHECK(port_of(first) != port_of(second));
    // Errors about what a pod sent find their way back.
    CHECK(tcp_talk(a.netns(), family.outside, 9).reach == Reach::refused);
    CHECK(udp_talk(a.netns(), family.outside, 9).reach == Reach::refused);
  }
  leave_nothing(node, {&a, &b});
}

TEST_CASE("outside reaches no pod unasked, and is told so at once", "[nat]") {
  Node node;
  const Lan lan(node.host());
  for (const Family& family : kFamilies) lan.route_to(family.prefix);
  node.settle();
  const Guest a(node, "a");
  for (const Family& family : kFamilies) {
    const std::string pod = a.addresses().at(family.index);
    check_refused(lan.netns(), pod);
    // Having spoken to someone opens no door.
    check_reaches(a.netns(), family.outside, family.host);
    check_refused(lan.netns(), pod);
    // An address that no pod has is no different.
    CHECK(tcp_talk(lan.netns(), family.index == 0 ? "10.88.7.7" : "fd88::77", kEcho).reach == Reach::refused);
  }
  leave_nothing(node, {&a});
}

TEST_CASE("what conntrack cannot follow does not leave with the pod's own address", "[nat]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a");
  const std::string gateway = a.added().json.at("interfaces").at(0).at("mac"), no_segment(20, '\0');
  Wire pod(a.netns(), "eth0"), outside(lan.netns(), "eth0");
  const auto send = [&](int port) {
    pod.send(ethernet(gateway, a.mac(), kEthIp4, ip4(a.ip4(), Lan::kOutside4, 6, no_segment)));
    pod.send(ethernet(gateway, a.mac(), kEthIp6, ip6(a.ip6(), Lan::kOutside6, 6, no_segment)));
    pod.send(ethernet(gateway, a.mac(), kEthIp4, ip4(a.ip4(), Lan::kOutside4, 17, udp(port, kEcho, "last"))));
  };
  // The neighbours are known, so that nothing waits for them.
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  check_reaches(a.netns(), Lan::kOutside6, Lan::kHost6);
  outside.forget();
  send(5000);
  bool leaked = false;
  const auto last = outside.wait(
      [&](const Frame& frame) {
        leaked = leaked || holds(frame, ip_bytes(a.ip4())) || holds(frame, ip_bytes(a.ip6()));
        return holds(frame, "last") && !frame.outgoing;
      },
      2000);
  CHECK(last);
  CHECK_FALSE(leaked);
  leave_nothing(node, {&a});
}
