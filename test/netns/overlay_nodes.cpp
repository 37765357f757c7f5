// Nodes that come, go, start anew, or stand behind a router; and the source of the list that falls silent.
#include <catch2/catch.hpp>

#include "overlay_world.h"
#include "support/frame.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Node 3 moves to a segment of its own, behind a router, which is the scratch host.
void put_behind_router(const Cluster& cluster, int n) {
  must_run(
      "ip link add far type bridge && ip link set far up && ip addr add 198.51.100.1/24 dev far && "
      "ip addr add 2001:db8:1::1/64 dev far nodad && echo 1 > /proc/sys/net/ipv4/ip_forward && "
      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && ip link set u" +
      std::to_string(n) + " master far && ip link show far");
  cluster.node(n).must_exec(
      "ip addr flush dev eth0 scope global && ip addr add 198.51.100.13/24 dev eth0 && ip addr add 2001:db8:1::13/64 "
      "dev eth0 nodad && ip route add default via 198.51.100.1 && ip -6 route replace default via 2001:db8:1::1 && ip "
      "link "
      "show eth0");
}

// Half a megabyte by TCP, whole.
void check_transfer(const Pod& from, const Pod& to, const std::string& address) {
  to.must_exec("(timeout 10 busybox nc -l -p 7000 | md5sum > /run/got; touch /run/got.end) > /dev/null 2>&1 & true");
  must_run("rm -f /run/got.end; dd if=/dev/urandom of=/run/sent bs=64k count=8 2> /dev/null; sleep 0.2; ls /run/sent");
  from.exec("timeout 10 bash -c 'cat /run/sent > /dev/tcp/" + address + "/7000'");
  must_run("for i in $(seq 50); do [ -e /run/got.end ] && break; sleep 0.1; done; ls /run/got");
  CHECK(must_run("cut -c1-32 /run/got") == must_run("md5sum < /run/sent | cut -c1-32"));
}

void check_mesh(const Cluster& cluster, const std::vector<std::vector<std::string>>& addresses) {
  const int nodes = static_cast<int>(addresses.size());
  for (int from = 1; from <= nodes; ++from)
    for (int to = 1; to <= nodes; ++to)
      for (const std::string& address : addresses[static_cast<std::size_t>(to - 1)]) {
        CAPTURE(from, address);
        CHECK(ping(cluster.pod(from).netns(), address) == Reach::connected);
      }
}

// The node's kernel forgets everything, its disk what was below /run.
void reboot(const Cluster& cluster, int n) {
  cluster.node(n).exec(
      "for l in $(ls /proc/sys/net/ipv4/conf | grep -vE '^(all|default|lo|eth0)$'); do ip link del $l; done; "
      "nft flush ruleset; ip nexthop flush");
  must_run("rm -rf " + Cluster::state(n) + "; ls /run");
  cluster.pod(n).exec("ip link del eth0");
}

json file_conf(int nodes, int layer = 3) {
  Cluster::write("/run/nodes.json", json{{"peers", peers(nodes)}}.dump());
  return in_file(layer3(nodes, {{"layer", layer}}), "/run/nodes.json");
}

}  // namespace

TEST_CASE("a router between two segments of the underlay: both layers, both families of it", "[overlay][router]") {
  const int layer = GENERATE(2, 3);
  const bool v6 = GENERATE(false, true);
  CAPTURE(layer, v6);
  const Cluster cluster(3);
  put_behind_router(cluster, 3);
  json list = peers(3, v6);
  list[2]["vtep"] = v6 ? "2001:db8:1::13" : "198.51.100.13";
  if (layer == 2)
    for (json& peer : list) peer.erase("subnets");
  const auto conf = [&](int n) {
    const json more{{"peers", list}, {"local", v6 ? (n == 3 ? "2001:db8:1::/64" : "2001:db8::/64") : "eth0"}};
    return layer == 3 ? layer3(3, more) : layer2(n, 3, "isolated", more);
  };
  std::vector<std::vector<std::string>> addresses;
  for (int n = 1; n <= 3; ++n) addresses.push_back(cluster.add(n, conf(n)));
  check_mesh(cluster, addresses);
  check_transfer(cluster.pod(1), cluster.pod(3), addresses[2][0]);
  check_transfer(cluster.pod(3), cluster.pod(2), addresses[1][1]);
  CHECK(
      cluster.pod(1).exec("ping -n -c 1 -W 2 -M do -s " + std::string(v6 ? "1402 " : "1422 ") + addresses[2][0]).ok());
  for (int n = 1; n <= 3; ++n) cluster.del(n, conf(n));
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("five nodes: each pod reaches each", "[overlay][mesh]") {
  const Cluster cluster(5);
  const json conf = layer3(5);
  std::vector<std::vector<std::string>> addresses;
  for (int n = 1; n <= 5; ++n) addresses.push_back(cluster.add(n, conf));
  check_mesh(cluster, addresses);
  for (int n = 1; n <= 5; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 5; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("a node that was rebooted: its next pod is reached by all, though nobody told them", "[overlay][reboot]") {
  const int layer = GENERATE(2, 3);
  CAPTURE(layer);
  const Cluster cluster(3);
  const auto conf = [&](int n) { return layer == 3 ? layer3(3) : layer2(n, 3, "isolated"); };
  std::vector<std::vector<std::string>> addresses;
  for (int n = 1; n <= 3; ++n) addresses.push_back(cluster.add(n, conf(n)));
  check_mesh(cluster, addresses);
  reboot(cluster, 2);
  REQUIRE(cluster.node(2).must_exec("ip -br link | grep -vcE '^(lo|eth0)' || true") == "0\n");
  CHECK(ping(cluster.pod(1).netns(), addresses[2][0]) == Reach::connected);
  addresses[1] = cluster.add(2, conf(2));
  check_mesh(cluster, addresses);
  for (int n = 1; n <= 3; ++n) cluster.del(n, conf(n));
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("a node is added, another one leaves: its entries go, and what it still sends is dropped",
          "[overlay][nodes]") {
  const Cluster cluster(3);
  const json two = file_conf(2);
  cluster.add(1, two);
  const auto second = cluster.add(2, two);
  const json three = file_conf(3);
  const auto third = cluster.add(3, three);
  CHECK(ping(cluster.pod(1).netns(), third[0], 300) != Reach::connected);  // node 1 does not know it yet
  for (int n = 1; n <= 2; ++n) CHECK_THAT(cluster.command(n, "overlay sync {}", three).out, Contains("2 peers"));
  CHECK(ping(cluster.pod(1).netns(), third[0]) == Reach::connected);
  CHECK(ping(cluster.pod(2).netns(), third[1]) == Reach::connected);
  json left = peers(3);
  left.erase(1);
  Cluster::write("/run/nodes.json", left.dump());
  REQUIRE(cluster.command(1, "overlay sync {}", three).ok());
  const Pod& node = cluster.node(1);
  CHECK_THAT(node.must_exec("bridge fdb show dev vx42; ip nexthop; ip route show proto 84; ip -6 route show proto 84; "
                            "ip neigh show dev vx42; nft list set inet trestle peer-trover"),
             !Contains("192.0.2.12") && !Contains("10.51.2.") && !Contains("fd51:2:") && Contains("192.0.2.13"));
  CHECK(ping(cluster.pod(2).netns(), "10.51.1.2", 300) != Reach::connected);
  CHECK(ping(cluster.pod(1).netns(), third[0]) == Reach::connected);
  for (int n = 1; n <= 3; ++n) cluster.del(n, three);
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("the list falls silent: gone, cut or nonsense; traffic goes on, and pods come and go", "[overlay][silent]") {
  const std::string how =
      GENERATE("rm /run/nodes.json; ls /run", "head -c 40 /run/nodes.json > /run/x; mv /run/x /run/nodes.json; ls /run",
               "echo '[{\"vtep\":\"192.0.2.12\"},{\"vtep\":\"192.0.2.12\"}]' > /run/nodes.json; ls /run");
  CAPTURE(how);
  const Cluster cluster(2);
  const json conf = file_conf(2);
  cluster.add(1, conf);
  const auto second = cluster.add(2, conf);
  must_run(how);
  CHECK_FALSE(cluster.command(1, "overlay sync {}", conf).ok());  // a person is told
  for (const std::string& address : second) CHECK(ping(cluster.pod(1).netns(), address) == Reach::connected);
  Pod pod("q1");
  const Ran added = cluster.command(1, "add {} --netns q1 --ifname eth0 --json", conf);
  CAPTURE(added.err);
  REQUIRE(added.ok());
  CHECK_THAT(added.out, Contains("10.51.1.3"));
  CHECK_THAT(added.err, Contains("the one before serves"));
  for (const std::string& address : second) CHECK(ping(pod.netns(), address) == Reach::connected);
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}
