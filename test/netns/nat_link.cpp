// The pod's link itself: its MTU, its readiness, who has its address next, and what forwarding does to the host.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "nat_guest.h"
#include "net/names.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

int mtu_of(const std::string& link_json) { return json::parse(link_json).at(0).at("mtu"); }

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 100; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

std::string default6() { return must_run("ip -6 route show default"); }

// The host learns its IPv6 default route from a router on the LAN, as on most networks.
void advertise_router(const Lan& lan) {
  must_run("ip -6 route del default");
  const std::string mac = json::parse(lan.exec("ip -j link show dev eth0").out).at(0).at("address");
  const std::string router = trestle::net::link_local(trestle::net::Mac::parse(mac)).str();
  Wire wire(lan.netns(), "eth0");
  REQUIRE(eventually([&] {
    wire.send(ethernet("33:33:00:00:00:01", mac, kEthIp6, ip6(router, "ff02::1", 58, router_advertisement(mac), 255)));
    return default6().find("proto ra") != std::string::npos;
  }));
}

}  // namespace

TEST_CASE("the MTU is the default route's device's, or the config's, on all three links and in the answer",
          "[nat][mtu]") {
  struct Row {
    const char* what;
    int lan, conf, expected;  // 0: none
  };
  const auto row = GENERATE(values<Row>({
      {"no default route", 0, 0, 1500},
      {"a smaller network outside", 1400, 0, 1400},
      {"the config's, below the network's", 1500, 1280, 1280},
      {"the config's, above the network's", 1400, 1500, 1500},
  }));
  CAPTURE(row.what);
  Node node;
  std::optional<Lan> lan;
  if (row.lan != 0) lan.emplace(node.host(), row.lan);
  node.settle();
  const Guest a(node, "a", row.conf != 0 ? demo_with({{"mtu", row.conf}}) : demo_conf());
  CHECK(mtu_of(a.pod().must_exec("ip -j link show dev eth0")) == row.expected);
  CHECK(mtu_of(must_run("ip -j link show dev " + a.host_link())) == row.expected);
  CHECK(mtu_of(must_run("ip -j link show dev trdemo")) == row.expected);
  for (const json& interface : a.added().json.at("interfaces")) CHECK(interface.at("mtu") == row.expected);
  if (lan) {
    const int whole = std::min(row.lan, row.expected);
    const auto whole_packet = [&](const char* to, int headers) {
      return a.pod().exec("ping -q -c 1 -W 2 -M do -s " + std::to_string(whole - headers) + " " + to);
    };
    CHECK(whole_packet(Lan::kOutside4, 28).ok());
    CHECK(whole_packet(Lan::kOutside6, 48).ok());
  }
  leave_nothing(node, {&a});
}

TEST_CASE("an address that goes to the next pod leads there within 200 ms, its old MAC or another", "[nat][reuse]") {
  struct Row {
    const char *what, *first, *second;
  };
  const auto row = GENERATE(values<Row>({
      {"the MAC goes with the address", "IP=10.88.0.9,fd88::9", "IP=10.88.0.9,fd88::9"},
      {"another MAC", "IP=10.88.0.9,fd88::9;MAC=02:00:00:00:00:a1", "IP=10.88.0.9,fd88::9;MAC=02:00:00:00:00:b2"},
  }));
  CAPTURE(row.what);
  const Node node;
  const Guest watcher(node, "watcher");
  {
    const Guest first(node, "first", demo_conf(), {{"CNI_ARGS", row.first}});
    check_reaches(watcher.netns(), "10.88.0.9", watcher.ip4());
    check_reaches(watcher.netns(), "fd88::9", watcher.ip6());
    first.leave();
  }
  const Guest second(node, "second", demo_conf(), {{"CNI_ARGS", row.second}});
  REQUIRE(second.ip4() == "10.88.0.9");
  REQUIRE(second.ip6() == "fd88::9");
  CHECK(ping(watcher.netns(), "10.88.0.9", 200) == Reach::connected);
  CHECK(ping(watcher.netns(), "fd88::9", 200) == Reach::connected);
  CHECK(ping(node.host().netns(), "10.88.0.9", 200) == Reach::connected);
  CHECK(ping(node.host().netns(), "fd88::9", 200) == Reach::connected);
  leave_nothing(node, {&watcher, &second});
}

TEST_CASE("a pod's addresses work the moment ADD returns", "[nat][ready]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Echo host(node.host().netns(), kEcho);
  const Guest a(node, "a");  // the switch is new too
  // Within less than the second after which IPv6 asks again.
  CHECK(tcp_talk(a.netns(), "fd88::1", kEcho, 500).seen() == "fd88::2");
  CHECK(tcp_talk(a.netns(), "10.88.0.1", kEcho, 500).seen() == "10.88.0.2");
  CHECK(tcp_talk(a.netns(), Lan::kOutside6, kEcho, 500).seen() == Lan::kHost6);
  CHECK(a.pod().must_exec("ip -6 -o addr show dev eth0 scope global tentative").empty());
  CHECK(must_run("ip -6 -o addr show dev trdemo scope global tentative").empty());
  leave_nothing(node, {&a});
}

TEST_CASE("what the host forwards reaches a pod the moment ADD returns", "[nat][ready]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  // The first pod of its switch, and it has said nothing yet: the host must ask for it.
  const Guest a(node, "a");
  make_node_port(a);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, kNodePort, 500).seen() == Lan::kOutside4);
  CHECK(tcp_talk(lan.netns(), Lan::kHost6, kNodePort, 500).seen() == Lan::kOutside6);
  must_run("nft 'delete table ip foreign; delete table ip6 foreign'");
  leave_nothing(node, {&a});
}

TEST_CASE("a host that learned its IPv6 default route from a router keeps it, and pods use it", "[nat][ra]") {
  Node node;
  const Lan lan(node.host());
  lan.exec("ip addr add 2001:db8:f::1/128 dev lo");
  advertise_router(lan);
  node.settle();
  const Guest a(node, "a");
  CHECK(must_run("cat /proc/sys/net/ipv6/conf/all/forwarding") == "1\n");
  CHECK(must_run("cat /proc/sys/net/ipv6/conf/uplink0/accept_ra") == "2\n");
  CHECK(default6().find("proto ra") != std::string::npos);
  CHECK(tcp_talk(a.netns(), "2001:db8:f::1", kEcho).seen() == Lan::kHost6);
  leave_nothing(node, {&a});
}

// What the case above stands against: should a kernel ever keep the route by itself, that case proves nothing.
TEST_CASE("forwarding alone takes a learned IPv6 default route away", "[nat][ra]") {
  const ScratchHost host;
  const Lan lan(host);
  advertise_router(lan);
  must_run("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(default6().empty());
}
