// Layer 3 with `directRouting`: peers in the node's own segment are reached past the tunnel, by next hops that come and go.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const json kDirect{{"directRouting", true}};

std::string sent(const Cluster& nodes, int n) {
  return nodes.node(n).must_exec("awk '/vx42:/ { print $11 }' /proc/net/dev");
}

// Packets that go by while the command runs.
bool passes_tunnel(const Cluster& nodes, int n, const std::string& command) {
  const std::string before = sent(nodes, n);
  nodes.pod(n).must_exec(command);
  return sent(nodes, n) != before;
}

}  // namespace

TEST_CASE("direct routing: IPv4 past the tunnel, unmasqueraded, IPv6 through it; nothing is left",
          "[overlay][direct]") {
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  const Cluster nodes(2);
  const json conf = layer3(2, kDirect, mode);
  const auto first = nodes.add(1, conf), second = nodes.add(2, conf);
  CHECK_FALSE(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + second[0]));
  CHECK(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + second[1]));
  nodes.pod(1).must_exec("ping -c 1 -M do -s 1422 -W 2 " + second[0]);
  CHECK(ping(nodes.node(1).netns(), second[0]) == Reach::connected);  // from the underlay's address
  const Echo echo(nodes.pod(2).netns());
  CHECK(tcp_talk(nodes.pod(1).netns(), second[0], 7).seen() == first[0]);  // as itself, not as its host
  CHECK_THAT(nodes.command(1, "check").out, Contains("as configured"));
  for (const int n : {1, 2}) {
    nodes.del(n, conf);
    CHECK(nodes.left(n) == "");
  }
}

TEST_CASE("direct routing: an IPv6 underlay carries both families past the tunnel", "[overlay][direct]") {
  const Cluster nodes(2);
  json conf = layer3(2, kDirect);
  conf["overlay"]["peers"] = peers(2, true);
  conf["overlay"]["local"] = "2001:db8::/64";
  nodes.add(1, conf);
  const auto second = nodes.add(2, conf);
  for (const std::string& ip : second) CHECK_FALSE(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + ip));
  for (const int n : {1, 2}) {
    nodes.del(n, conf);
    CHECK(nodes.left(n) == "");
  }
}

TEST_CASE("direct routing: turned on and off while a ping runs; not one is lost", "[overlay][direct]") {
  const Cluster nodes(2);
  const json tunnelled = layer3(2), direct = layer3(2, kDirect);
  for (const int n : {1, 2}) nodes.add(n, tunnelled);
  const std::string there = nodes.command(2, "ps --json").out;
  const std::string other = "10.51.2.2";
  REQUIRE_THAT(there, Contains(other));
  nodes.pod(1).must_exec("(ping -i 0.05 -c 60 -W 1 " + other + " > /run/ping 2>&1 &) ; true");
  for (const json& conf : {direct, tunnelled, direct})
    for (const int n : {1, 2}) {
      Pod pod("q" + std::to_string(n));
      REQUIRE(nodes.command(n, "add {} --netns q" + std::to_string(n) + " --ifname eth0", conf).ok());
      REQUIRE(nodes.command(n, "del {} --netns q" + std::to_string(n) + " --ifname eth0", conf).ok());
    }
  must_run("for i in $(seq 60); do grep -q transmitted /run/ping && break; sleep 0.1; done; cat /run/ping");
  CHECK_THAT(must_run("cat /run/ping"), Contains(" 0% packet loss"));
}

TEST_CASE("direct routing: a NIC that went down and up: the next ADD, or the agent, makes the next hops again",
          "[overlay][direct]") {
  const Cluster nodes(2);
  const json conf = layer3(2, kDirect);
  nodes.add(1, conf);
  const auto second = nodes.add(2, conf);
  nodes.node(1).must_exec("ip link set eth0 down && ip link set eth0 up && ip route add default via 192.0.2.1");
  REQUIRE(nodes.node(1).exec("ip route show proto 84 10.51.2.0/24").out == "");
  CHECK_THAT(nodes.command(1, "check").out, Contains("is gone"));
  Pod pod("q1");
  REQUIRE(nodes.command(1, "add {} --netns q1 --ifname eth0", conf).ok());
  CHECK_FALSE(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + second[0]));
}

TEST_CASE("direct routing: past the tunnel come the peers' pods and hosts alone", "[overlay][direct]") {
  const Cluster nodes(3);  // the third is no peer
  json conf = layer3(2, kDirect);
  nodes.add(1, conf);
  nodes.add(2, conf);
  const std::string victim = "10.51.1.2";
  nodes.node(3).must_exec("ip route add 10.51.1.0/24 via 192.0.2.11");
  CHECK_FALSE(nodes.node(3).exec("ping -c 1 -W 1 " + victim).ok());
  nodes.node(2).must_exec("ping -c 1 -W 2 " + victim);
}

TEST_CASE("direct routing: a peer behind a router stays in the tunnel, one beside it does not", "[overlay][direct]") {
  const Cluster nodes(3);
  nodes.node(2).must_exec(
      "ip addr flush dev eth0 && ip addr add 198.51.100.12/24 dev eth0 && ip route add default via 198.51.100.1");
  must_run("ip addr add 198.51.100.1/24 dev und && sysctl -qw net.ipv4.ip_forward=1");
  json conf = layer3(3, kDirect);
  conf["overlay"]["peers"][1]["vtep"] = "198.51.100.12";
  nodes.add(1, conf);
  const auto second = nodes.add(2, conf), third = nodes.add(3, conf);
  CHECK(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + second[0]));
  CHECK_FALSE(passes_tunnel(nodes, 1, "ping -c 2 -i 0.1 -W 2 " + third[0]));
}
