// Who reaches whom where a network spans nodes: the tunnel is no way around a switch's own rules.
#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("nat, layer 3: the outside reaches no node's pods by way of another node", "[overlay][apart]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  cluster.add(1, conf);
  const auto second = cluster.add(2, conf);
  must_run("ip route add 10.51.0.0/16 via 192.0.2.11 && ip -6 route add fd51::/16 via 2001:db8::11 && ip route");
  for (const std::string& address : second) {
    CAPTURE(address);
    CHECK_FALSE(run("ping -c 1 -W 1 " + address).ok());
    CHECK(ping(cluster.pod(1).netns(), address) == Reach::connected);
    CHECK(ping(cluster.node(1).netns(), address) == Reach::connected);
  }
  // Another network's pods of that node do neither.
  Pod other("q1");
  const json plain{{"cniVersion", "1.1.0"}, {"name", "plain"}, {"type", "trestle"}, {"subnets", {"10.77.0.0/24"}}};
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", plain).ok());
  CHECK(ping(other.netns(), second[0], 300) != Reach::connected);
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", plain).ok());
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("layer 3: portIsolation holds over nodes, hostAccess for pods of other nodes", "[overlay][apart]") {
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  const Cluster cluster(2);
  json conf = layer3(2, json::object(), mode);
  SECTION("portIsolation") {
    conf["portIsolation"] = true;
    cluster.add(1, conf);
    for (const std::string& address : cluster.add(2, conf))
      CHECK(ping(cluster.pod(1).netns(), address, 300) != Reach::connected);
  }
  SECTION("hostAccess") {
    conf["hostAccess"] = false;
    cluster.add(1, conf);
    const auto second = cluster.add(2, conf);
    for (const char* host : {"10.51.2.1", "fd51:2::1"}) {
      CAPTURE(host);
      CHECK(ping(cluster.pod(1).netns(), host, 300) != Reach::connected);
    }
    CHECK(ping(cluster.pod(1).netns(), second[0]) == Reach::connected);
    CHECK(cluster.command(1, "overlay probe {}", conf).ok());
  }
}

TEST_CASE("layer 3: a pool that the list does not have for this node is refused", "[overlay][apart]") {
  const Cluster cluster(1);
  json conf = layer3(2);
  conf["subnets"] = {"10.61.0.0/16"};
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", conf).err, Contains("does not have for this node"));
  Cluster::write("/run/none.json", "[]");
  conf = in_file(conf, "/run/none.json");
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", conf).err, Contains("lists no node"));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("multicast: a flood entry that another hand took is named, and repair makes it again", "[overlay][apart]") {
  const Cluster cluster(1);
  const json conf = layer2(1, 2, "isolated", {{"control", "multicast"}, {"group", "239.1.1.1"}, {"local", "eth0"}});
  cluster.add(1, conf);
  cluster.node(1).must_exec("bridge fdb flush dev vx43; ip link show vx43");
  CHECK_THAT(cluster.command(1, "check").out, Contains("its group"));
  CHECK(cluster.command(1, "repair").ok());
  CHECK_THAT(cluster.node(1).must_exec("bridge fdb show dev vx43"), Contains("dst 239.1.1.1"));
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}
