// Two switches of one host, one switch of two networks, and ports that somebody else forwards to a pod.
#include <catch2/catch.hpp>

#include "nat_guest.h"

using namespace trestle::test;

namespace {

// Outside, in its own words: the port that a foreign table forwards.
void check_node_port(const trestle::base::Fd& from, const Guest& to, const std::string& as4, const std::string& as6) {
  for (const auto& [host, pod, as] : {std::tuple{Lan::kHost4, to.ip4(), as4}, {Lan::kHost6, to.ip6(), as6}}) {
    CAPTURE(host);
    CHECK(tcp_talk(from, host, kNodePort).seen() == as);
    CHECK(udp_talk(from, host, kNodePort).seen() == as);
    check_refused(from, pod);
  }
}

}  // namespace

TEST_CASE("a port that somebody else forwards leads to the pod; the pod's own address still does not", "[nat][dnat]") {
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.88.0.0/16");
  lan.route_to("fd88::/64");
  node.settle();
  const Guest a(node, "a");
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, kNodePort).reach == Reach::refused);
  make_node_port(a);
  check_node_port(lan.netns(), a, Lan::kOutside4, Lan::kOutside6);
  must_run("nft 'delete table ip foreign; delete table ip6 foreign'");
  leave_nothing(node, {&a});
}

TEST_CASE("pods of two switches do not reach each other but through a forwarded port", "[nat][switches]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a"), c(node, "c", second_conf());
  for (const std::string& address : c.addresses()) check_refused(a.netns(), address);
  for (const std::string& address : a.addresses()) check_refused(c.netns(), address);
  make_node_port(c);
  // Masqueraded on the way, as for any other destination beyond the pod's own switch.
  check_node_port(a.netns(), c, "10.89.0.1", "fd89::1");
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  check_reaches(c.netns(), Lan::kOutside6, Lan::kHost6);
  must_run("nft 'delete table ip foreign; delete table ip6 foreign'");
  leave_nothing(node, {&a, &c});
}

TEST_CASE("a switch that is made anew lets none of the others in", "[nat][switches]") {
  const Node node;
  const Guest a(node, "a");
  {
    const Guest c(node, "c", second_conf());
    check_refused(c.netns(), a.ip4());
    c.leave();
  }
  const Guest c(node, "c", second_conf());
  for (const std::string& address : a.addresses()) check_refused(c.netns(), address);
  for (const std::string& address : c.addresses()) check_refused(a.netns(), address);
  leave_nothing(node, {&a, &c});
}

TEST_CASE("two networks on one switch reach each other under their own addresses", "[nat][switches]") {
  const Node node;
  auto first = demo_with({{"bridge", "common0"}}), second = second_conf();
  second["bridge"] = "common0";
  const Guest a(node, "a", first), c(node, "c", second);
  check_reaches(a.netns(), c.ip4(), a.ip4());
  check_reaches(a.netns(), c.ip6(), a.ip6());
  check_reaches(c.netns(), a.ip4(), c.ip4());
  check_reaches(c.netns(), a.ip6(), c.ip6());
  leave_nothing(node, {&a, &c});
}

TEST_CASE("all addresses of the switch flushed: CHECK names them, repair gives back the link-local one too",
          "[nat][check]") {
  const Node node;
  const Guest a(node, "a");
  must_run("ip addr flush dev trdemo && ip link show trdemo");
  CHECK_FALSE(node.check(a.pod(), a.added()).ok());
  const Ran repaired = node.command({"repair"});
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK(node.check(a.pod(), a.added()).ok());
  CHECK(must_run("ip -6 -br addr show dev trdemo").find("fe80::") != std::string::npos);
  leave_nothing(node, {&a});
}
