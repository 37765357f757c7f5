// hostAccess: what of the host its pods may reach.
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "net/names.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

struct Access {
  const char* value;  // of "hostAccess", as JSON
  bool all, dns;      // everything; port 53
};

// Every address of the host that a pod can name: the gateway's and another link's, both families, and the switch's link-local one.
std::vector<std::string> host_addresses() {
  const auto bridge = trestle::net::IfName::parse("trdemo");
  return {"10.88.0.1", "fd88::1", Lan::kHost4, Lan::kHost6,
          trestle::net::link_local(trestle::net::switch_mac(bridge)).str() + "%eth0"};
}

// As after a long silence: both sides must ask for each other again.
void forget_neighbours(const Guest& guest) {
  must_run("ip neigh flush all; ip -6 neigh flush all");
  guest.pod().must_exec("ip neigh flush all; ip -6 neigh flush all");
}

}  // namespace

TEST_CASE("hostAccess says what of the host pods reach; all else is refused at once, and the network works on",
          "[nat][host]") {
  const auto access = GENERATE(values<Access>({
      {"true", true, true},
      {"false", false, false},
      {R"(["53/udp","53/tcp"])", false, true},
  }));
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(access.value, mode);
  Node node;
  const Lan lan(node.host());
  lan.route_to("10.88.0.0/16");
  lan.route_to("fd88::/64");
  node.settle();
  answer_without_limit();
  const Echo host(node.host().netns(), kEcho), dns(node.host().netns(), 53);
  const Guest a(node, "a", demo_with({{"mode", mode}, {"hostAccess", json::parse(access.value)}}));
  for (const std::string& address : host_addresses()) {
    CAPTURE(address);
    CHECK(ping(a.netns(), address) == (access.all ? Reach::connected : Reach::unreachable));
    CHECK(tcp_talk(a.netns(), address, kEcho).reach == (access.all ? Reach::connected : Reach::refused));
    CHECK(udp_talk(a.netns(), address, kEcho).reach == (access.all ? Reach::connected : Reach::unreachable));
    CHECK(tcp_talk(a.netns(), address, 53).reach == (access.dns ? Reach::connected : Reach::refused));
    CHECK(udp_talk(a.netns(), address, 53).reach == (access.dns ? Reach::connected : Reach::unreachable));
  }
  forget_neighbours(a);
  check_reaches(a.netns(), Lan::kOutside4, mode == "nat" ? Lan::kHost4 : a.ip4());
  check_reaches(a.netns(), Lan::kOutside6, mode == "nat" ? Lan::kHost6 : a.ip6());
  forget_neighbours(a);
  check_reaches(node.host().netns(), a.ip4(), "10.88.0.1");
  check_reaches(node.host().netns(), a.ip6(), "fd88::1");
  leave_nothing(node, {&a});
}
