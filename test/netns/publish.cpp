// Ports of the host that lead to pods, with real packets from everywhere.
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "publish_conf.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// TCP and UDP arrive, and the pod sees `as`.
void check_led(const trestle::base::Fd& from, const std::string& address, int port, const std::string& as) {
  CAPTURE(address, port);
  CHECK(tcp_talk(from, address, port).seen() == as);
  CHECK(udp_talk(from, address, port).seen() == as);
}

void check_not_led(const trestle::base::Fd& from, const std::string& address, int port) {
  CAPTURE(address, port);
  CHECK(tcp_talk(from, address, port, 500).reach != Reach::connected);
  CHECK(udp_talk(from, address, port, 500).reach != Reach::connected);
}

}  // namespace

TEST_CASE("a published port leads to the pod from the LAN, the host, other networks, its neighbours and itself",
          "[publish]") {
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  Node node;
  const Lan lan(node.host());
  if (mode == "routed") {
    lan.route_to("10.88.0.0/16");
    lan.route_to("fd88::/64");
  }
  node.settle();
  const Guest a(node, "a", publishing(both_protocols(8080), {{"mode", mode}}));
  const Guest b(node, "b", publishing(json::array(), {{"mode", mode}})), c(node, "c", second_conf());
  check_led(lan.netns(), Lan::kHost4, 8080, Lan::kOutside4);
  check_led(lan.netns(), Lan::kHost6, 8080, Lan::kOutside6);
  check_led(node.host().netns(), Lan::kHost4, 8080, Lan::kHost4);
  check_led(node.host().netns(), Lan::kHost6, 8080, Lan::kHost6);
  check_led(node.host().netns(), "127.0.0.1", 8080, "10.88.0.1");
  check_led(node.host().netns(), "127.9.9.9", 8080, "10.88.0.1");
  for (const Guest* pod : {&a, &b})
    for (const auto& [host, gateway] : {std::pair{Lan::kHost4, "10.88.0.1"},
                                        {"10.88.0.1", "10.88.0.1"},
                                        {Lan::kHost6, "fd88::1"},
                                        {"fd88::1", "fd88::1"}})
      check_led(pod->netns(), host, 8080, gateway);
  check_led(c.netns(), Lan::kHost4, 8080, "10.88.0.1");
  check_led(c.netns(), Lan::kHost6, 8080, "fd88::1");
  // A neighbour that asks the pod itself is still seen as who it is.
  check_reaches(b.netns(), a.ip4(), b.ip4());
  check_reaches(b.netns(), a.ip6(), b.ip6());
  // What is not published is as it was.
  check_not_led(lan.netns(), Lan::kHost4, 8081);
  CHECK(tcp_talk(node.host().netns(), "::1", 8080).reach == Reach::refused);
  leave_nothing(node, {&a, &b, &c});
}

TEST_CASE("hostIP: the port leads on from that address of the host alone", "[publish]") {
  Node node;
  const Lan lan(node.host());
  must_run("ip addr add 192.0.2.20/24 dev uplink0");
  node.settle();
  json ports = with_host_ip(both_protocols(8080), Lan::kHost4);
  for (const json& port : with_host_ip(both_protocols(8080), Lan::kHost6)) ports.push_back(port);
  for (const json& port : with_host_ip(both_protocols(8081), "0.0.0.0")) ports.push_back(port);
  for (const json& port : with_host_ip(both_protocols(8082), "::")) ports.push_back(port);
  const Guest a(node, "a", publishing(ports));
  // Another pod may have the same port of another address.
  const Guest b(node, "b", publishing(with_host_ip(both_protocols(8080), "192.0.2.20")));
  check_led(lan.netns(), Lan::kHost4, 8080, Lan::kOutside4);
  check_led(lan.netns(), Lan::kHost6, 8080, Lan::kOutside6);
  check_led(lan.netns(), "192.0.2.20", 8080, Lan::kOutside4);
  check_not_led(node.host().netns(), "127.0.0.1", 8080);
  check_not_led(a.netns(), "10.88.0.1", 8080);
  check_led(lan.netns(), Lan::kHost4, 8081, Lan::kOutside4);
  check_not_led(lan.netns(), Lan::kHost6, 8081);
  check_led(lan.netns(), Lan::kHost6, 8082, Lan::kOutside6);
  check_not_led(lan.netns(), Lan::kHost4, 8082);
  b.leave();
  check_not_led(lan.netns(), "192.0.2.20", 8080);
  check_led(lan.netns(), Lan::kHost4, 8080, Lan::kOutside4);
  leave_nothing(node, {&a});
}

TEST_CASE("a switch takes packets of 127.0.0.1 only while one of its pods is published there", "[publish]") {
  // With the capability alone it did, and after a foreign flush every pod reached what listens on the host's 127.0.0.1 (CVE-2020-8558).
  Node node;
  const json mode = {{"mode", GENERATE("nat", "routed")}};
  const auto on = [] { return must_run("cat /proc/sys/net/ipv4/conf/trdemo/route_localnet") == "1\n"; };
  const Guest plain(node, "a", publishing(json::array(), mode));
  CHECK_FALSE(on());
  const Guest elsewhere(node, "b", publishing(with_host_ip(both_protocols(8080), "192.0.2.1"), mode));
  CHECK_FALSE(on());
  const Guest here(node, "c", publishing(both_protocols(8081), mode));
  CHECK(on());
  const Guest there(node, "d", publishing(with_host_ip(both_protocols(8082), "127.0.0.1"), mode));
  here.leave();
  CHECK(on());
  CHECK(tcp_talk(node.host().netns(), "127.0.0.1", 8082).reach == Reach::connected);
  there.leave();
  CHECK_FALSE(on());
  const Answer checked = node.check(plain.pod(), plain.added(), publishing(json::array(), mode));
  CAPTURE(told(checked));
  CHECK(checked.ok());
  leave_nothing(node, {&plain, &elsewhere});
}

TEST_CASE("hostIP 127.0.0.1: the host reaches the pod, and no neighbour on the LAN does", "[publish]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", publishing(with_host_ip(both_protocols(8080), "127.0.0.1")));
  check_led(node.host().netns(), "127.0.0.1", 8080, "10.88.0.1");
  check_not_led(lan.netns(), Lan::kHost4, 8080);
  check_not_led(a.netns(), "10.88.0.1", 8080);
  // CVE-2020-8558: a frame to the host's MAC with that address, from the LAN and from a pod; and one from it.
  const auto mac_of_link = [](const std::string& link) {
    const std::string text = must_run("cat /sys/class/net/" + link + "/address");
    return text.substr(0, text.find('\n'));
  };
  Wire pod(a.netns(), "eth0"), outside(lan.netns(), "eth0");
  const auto arrives = [&](const std::string& payload) {
    return pod
        .wait([&](const Frame& frame) { return !frame.outgoing && frame.bytes.find(payload) != std::string::npos; },
              300)
        .has_value();
  };
  const std::string to_host = mac_of_link("uplink0"), lan_mac = "02:00:00:00:00:77";
  outside.send(
      ethernet(to_host, lan_mac, kEthIp4, ip4(Lan::kOutside4, "127.0.0.1", 17, udp(5000, 8080, "to-loopback"))));
  CHECK_FALSE(arrives("to-loopback"));
  outside.send(
      ethernet(to_host, lan_mac, kEthIp4, ip4("127.0.0.1", "127.0.0.1", 17, udp(5000, 8080, "from-loopback"))));
  CHECK_FALSE(arrives("from-loopback"));
  const Guest b(node, "b", publishing(json::array(), {{"spoofCheck", false}}));
  Wire other(b.netns(), "eth0");
  const std::string gateway = b.added().json.at("interfaces").at(0).at("mac");
  other.send(ethernet(gateway, b.mac(), kEthIp4, ip4(b.ip4(), "127.0.0.1", 17, udp(5000, 8080, "from-pod"))));
  CHECK_FALSE(arrives("from-pod"));
  leave_nothing(node, {&a, &b});
}

TEST_CASE("only what is sent to the host itself is led on", "[publish]") {
  Node node;
  const Lan lan(node.host());
  const Echo outside(lan.netns(), 8080);
  node.settle();
  const Guest a(node, "a", publishing(both_protocols(8080))), b(node, "b", publishing(json::array()));
  // CVE-2025-67499: pods and the host asked others for that port, and got the pod.
  check_led(b.netns(), Lan::kOutside4, 8080, Lan::kHost4);
  check_led(b.netns(), Lan::kOutside6, 8080, Lan::kHost6);
  check_led(node.host().netns(), Lan::kOutside4, 8080, Lan::kHost4);
  check_led(node.host().netns(), Lan::kOutside6, 8080, Lan::kHost6);
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a thousand published ports add no rule: all are elements of hash sets and maps", "[publish][cost]") {
  const Node node;
  const auto rules = [] {
    return must_run("nft list ruleset | grep -cE 'dnat|drop|accept|return|goto|jump|masquerade'");
  };
  const Guest a(node, "a", publishing(both_protocols(8080)));
  const std::string before = rules();
  json ports = json::array();
  for (int i = 0; i < 1000; ++i) ports.push_back(mapping(20000 + i, kEcho, i % 2 == 0 ? "tcp" : "udp"));
  const Guest b(node, "b", publishing(ports));
  // A map's elements share a line with nothing that a rule has.
  CHECK(rules() == before);
  for (const char* map : {"dnat4", "dnat6", "dnat4ip", "dnat6ip"})
    CHECK_FALSE(run(std::string("nft -j list map inet trestle ") + map + " | grep -q interval").ok());
  CHECK(std::stoi(must_run("nft -j list map inet trestle dnat4 | grep -o '\"concat\": \\[\"' | wc -l")) >= 1000);
  leave_nothing(node, {&a, &b});
}

TEST_CASE("hundreds of ports come in one call and go without a trace", "[publish]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  json ports = json::array();
  for (int i = 0; i < 300; ++i)
    for (const char* protocol : {"tcp", "udp"}) ports.push_back(mapping(20000 + i, kEcho, protocol));
  const Guest a(node, "a", publishing(ports));
  for (const int port : {20000, 20150, 20299}) {
    check_led(lan.netns(), Lan::kHost4, port, Lan::kOutside4);
    check_led(lan.netns(), Lan::kHost6, port, Lan::kOutside6);
  }
  check_not_led(lan.netns(), Lan::kHost4, 20300);
  CHECK(told(node.check(a.pod(), a.added(), publishing(ports))) == "0 ");
  // A packet goes by the same rules however many ports there are.
  CHECK(std::stoi(must_run("nft list chain inet trestle publish | grep -c 'dnat ip'")) == 4);
  leave_nothing(node, {&a});
}

TEST_CASE("after a flush the next ADD puts the published ports of all pods back", "[publish]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", publishing(both_protocols(8080)));
  must_run("nft flush ruleset");
  check_not_led(lan.netns(), Lan::kHost4, 8080);
  const bool publishes = GENERATE(true, false);
  const Guest b(node, "b", publishing(publishes ? both_protocols(8081) : json::array()));
  // The UDP flow that began without the rules too: its client does not change its port.
  check_led(lan.netns(), Lan::kHost4, 8080, Lan::kOutside4);
  check_led(lan.netns(), Lan::kHost6, 8080, Lan::kOutside6);
  must_run("nft flush ruleset");
  CHECK(node.command({"repair"}).ok());
  check_led(lan.netns(), Lan::kHost4, 8080, Lan::kOutside4);
  leave_nothing(node, {&a, &b});
}

TEST_CASE("an isolated network is not reached by a port of the host, nor does the host lead its pods on", "[publish]") {
  const Node node;
  const Pod pod("i");
  const json isolated{{"mode", "isolated"}};
  const Answer refused = node.add(pod, publishing(both_protocols(8080), isolated));
  CHECK(refused.code() == 7);
  CHECK_THAT(refused.json.value("msg", ""), Contains("isolated"));
  const Guest a(node, "a", publishing(both_protocols(8080), {{"name", "front"}, {"subnets", {"10.89.0.0/16"}}}));
  json with_host = demo_with(isolated);
  with_host["hostAccess"] = true;
  const Guest i(node, "b", with_host);
  check_not_led(i.netns(), "10.88.0.1", 8080);
  leave_nothing(node, {&a, &i});
}
