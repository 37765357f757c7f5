// One segment over all nodes.
#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("layer 2: one subnet over three nodes; the gateway is each node's own", "[overlay][layer2]") {
  const std::string mode = GENERATE("nat", "routed", "isolated", "bridge");
  CAPTURE(mode);
  const Cluster cluster(3);
  for (int n = 1; n <= 3; ++n) cluster.add(n, layer2(n, 3, mode));
  for (int from = 1; from <= 3; ++from)
    for (int to = 1; to <= 3; ++to)
      for (const std::string& address : {"10.52.0." + std::to_string(to) + "0", "fd52::" + std::to_string(to) + "0"}) {
        CAPTURE(from, address);
        CHECK(ping(cluster.pod(from).netns(), address) == Reach::connected);
      }
  CHECK(cluster.pod(1).exec("ping -n -c 1 -W 1 -M do -s 1422 10.52.0.20").ok());
  if (mode == "nat") CHECK(ping(cluster.pod(1).netns(), "192.0.2.1") == Reach::connected);
  if (mode == "isolated") CHECK(ping(cluster.node(1).netns(), "10.52.0.10", 300) != Reach::connected);
  CHECK_THAT(cluster.node(1).must_exec("bridge -d link show dev vx43"), Contains("neigh_suppress on"));
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  for (int n = 1; n <= 3; ++n) cluster.del(n, layer2(n, 3, mode));
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("layer 2: that a list is long for broadcasts is said when it changes", "[overlay][layer2]") {
  const Cluster cluster(1);
  const auto with = [](int nodes) {
    json list = json::array({{{"vtep", "192.0.2.11"}}});
    for (int n = 1; n < nodes; ++n) list.push_back({{"vtep", "198.51.100." + std::to_string(n)}});
    return layer2(1, 1, "isolated", {{"peers", list}});
  };
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", with(65)).err, !Contains("each broadcast"));
  CHECK_THAT(cluster.command(1, "status {}", with(65)).err, !Contains("each broadcast"));
  CHECK_THAT(cluster.command(1, "overlay sync {}", with(66)).err,
             Contains("each broadcast") && Contains("the 65 other nodes"));
  CHECK_THAT(cluster.command(1, "overlay sync {}", with(66)).err, !Contains("each broadcast"));
  CHECK_THAT(cluster.command(1, "status {}", with(66)).err, Contains("each broadcast"));
  CHECK_THAT(cluster.command(1, "check").err, Contains("each broadcast"));
}

TEST_CASE("layer 2: more than 512 peers are refused, unless the configuration says that it may be so many",
          "[overlay][layer2]") {
  const Cluster cluster(1);
  json list = json::array({{{"vtep", "192.0.2.11"}}});
  for (int n = 0; n < 513; ++n)
    list.push_back({{"vtep", "198.18." + std::to_string(n / 250) + "." + std::to_string(1 + n % 250)}});
  json conf = layer2(1, 1, "isolated", {{"peers", list}});
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", conf).err,
             Contains("513 other nodes") && Contains("\"maxPeers\""));
  CHECK_THAT(cluster.command(1, "status {}", conf).err, Contains("513 other nodes"));
  CHECK(cluster.left(1) == "");
  conf["overlay"]["maxPeers"] = 600;
  CHECK(cluster.command(1, "add {} --netns p1 --ifname eth0", conf).ok());
}

TEST_CASE("layer 2: the gateway's ARP and ND never cross the tunnel, nor what is sent to it", "[overlay][gateway]") {
  const Cluster cluster(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, layer2(n, 2, "nat"));
  const std::string mac = cluster.node(1).must_exec("ip -br link show trflat | awk '{print $3}'").substr(0, 17);
  CHECK(mac == cluster.node(2).must_exec("ip -br link show trflat | awk '{print $3}'").substr(0, 17));
  cluster.node(2).must_exec(
      "nft 'add table netdev seen; add chain netdev seen in { type filter hook ingress device vx43 priority -500; }; "
      "add rule netdev seen in ether saddr " +
      mac + " counter; add rule netdev seen in ether daddr " + mac +
      " counter; "
      "add rule netdev seen in arp daddr ip 10.52.0.1 counter' && nft list table netdev seen");
  for (int n = 1; n <= 2; ++n) cluster.pod(n).must_exec("ip neigh flush all; ip -6 neigh flush all; ip link show lo");
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.1") == Reach::connected);
  CHECK(ping(cluster.pod(1).netns(), "fd52::1") == Reach::connected);
  CHECK(ping(cluster.node(1).netns(), "10.52.0.10") == Reach::connected);
  static_cast<void>(ping(cluster.node(1).netns(), "10.52.0.99", 500));
  static_cast<void>(ping(cluster.node(1).netns(), "fd52::99", 500));
  const std::string seen = cluster.node(2).must_exec("nft list table netdev seen");
  CAPTURE(seen);
  CHECK_THAT(seen, !Catch::Matches("(.|\n)*counter packets [1-9](.|\n)*"));
  for (int n = 1; n <= 2; ++n) cluster.del(n, layer2(n, 2, "nat"));
}

// Silent stations were unreachable until the VTEP forgot by itself where they had been: 300 s.
TEST_CASE("layer 2: a node whose address changed is reached at once, by the next sync", "[overlay][layer2]") {
  const Cluster cluster(3);
  json of[3];
  for (int n = 1; n <= 3; ++n) cluster.add(n, of[n - 1] = layer2(n, 3, "isolated"));
  for (int n = 2; n <= 3; ++n)
    REQUIRE(ping(cluster.pod(1).netns(), "10.52.0." + std::to_string(n) + "0") == Reach::connected);
  cluster.node(3).must_exec(
      "ip addr add 192.0.2.33/24 dev eth0 && echo 1 > /proc/sys/net/ipv4/conf/eth0/promote_secondaries && "
      "ip addr del 192.0.2.13/24 dev eth0 && ip route replace default via 192.0.2.1");
  for (int n = 1; n <= 3; ++n) {
    of[n - 1]["overlay"]["peers"][2]["vtep"] = "192.0.2.33";
    REQUIRE(cluster.command(n, "overlay sync {}", of[n - 1]).ok());
  }
  CHECK_THAT(cluster.node(1).must_exec("bridge fdb show dev vx43"), !Contains("192.0.2.13") && Contains("192.0.2.12"));
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.30") == Reach::connected);
  for (int n = 1; n <= 3; ++n) cluster.del(n, of[n - 1]);
}

TEST_CASE("layer 2 by multicast: the nodes find each other", "[overlay][multicast]") {
  const Cluster cluster(3);
  must_run("ip link set und type bridge mcast_snooping 0 && ip link show und");
  const json more{{"control", "multicast"}, {"group", "239.1.1.1"}, {"local", "eth0"}};
  for (int n = 1; n <= 3; ++n) cluster.add(n, layer2(n, 3, "isolated", more));
  CHECK_THAT(cluster.node(1).must_exec("ip -d link show vx43"),
             Contains("group 239.1.1.1 local 192.0.2.11 dev eth0") && !Contains("nolearning"));
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.20") == Reach::connected);
  CHECK(ping(cluster.pod(3).netns(), "fd52::10") == Reach::connected);
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  for (int n = 1; n <= 3; ++n) cluster.del(n, layer2(n, 3, "isolated", more));
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("control evpn: each endpoint is permanent here, and goes with its pod; what the daemon made stays",
          "[overlay][evpn]") {
  const Cluster cluster(1);
  const json conf = layer2(1, 2, "nat", {{"control", "evpn"}});
  cluster.add(1, conf);
  const Pod& node = cluster.node(1);
  CHECK_THAT(node.must_exec("ip neigh show dev trflat"),
             Contains("10.52.0.10") && Contains("fd52::10") && Contains("PERMANENT"));
  CHECK_THAT(node.must_exec("bridge fdb show br trflat"), Contains("static"));
  CHECK_THAT(node.must_exec("bridge -d link show dev vx43"), Contains("learning off") && Contains("neigh_suppress on"));
  // The pod moved: zebra has put the other node's entry in its place.
  node.must_exec(
      "ip neigh replace 10.52.0.10 lladdr 02:00:00:00:00:99 dev trflat nud noarp extern_learn && ip neigh show dev "
      "trflat");
  node.must_exec("ip link set trflat up && ip link show trflat");
  const Pod second("second");
  REQUIRE(cluster.command(1, "add {} --netns second --ifname eth0", conf).ok());  // keeps the switch
  cluster.del(1, conf);
  CHECK_THAT(node.must_exec("ip neigh show dev trflat"),
             Contains("10.52.0.10 lladdr 02:00:00:00:00:99") && !Contains("fd52::10 "));
  const Ran frr = cluster.command(1, "overlay frr-config {}", conf);
  CHECK_THAT(frr.out, Contains("neighbor 192.0.2.12 peer-group NODES") && Contains("advertise-all-vni") &&
                          !Contains("neighbor 192.0.2.11 "));
  cluster.command(1, "del {} --netns second --ifname eth0", conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("nodeRange: one configuration for all nodes, each with its part; a VM that moved keeps its address off it",
          "[overlay][noderange]") {
  const Cluster cluster(3);
  json conf = layer2(1, 3, "isolated");
  conf["ipam"] = {{"ranges", {{{{"subnet", "10.52.0.0/24"}}}, {{{"subnet", "fd52::/64"}}}}},
                  {"nodeRange", {{"prefix", 26}, {"prefix6", 80}}}};
  CHECK(cluster.add(1, conf) == std::vector<std::string>{"10.52.0.2", "fd52::2"});
  CHECK(cluster.add(2, conf) == std::vector<std::string>{"10.52.0.64", "fd52::1:0:0:0"});
  json moved = conf;
  moved["capabilities"] = {{"ips", true}};
  moved["runtimeConfig"] = {{"ips", {"10.52.0.70/24"}}};
  CHECK(cluster.add(3, moved).front() == "10.52.0.70");
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.64") == Reach::connected);
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.70") == Reach::connected);
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  cluster.del(3, moved);
  conf["ipam"]["nodeRange"]["index"] = 4;
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", conf).err, Contains("has no part number 4"));
}

TEST_CASE("nodeRange: the address of a VM that moved to another node is not given out where it came from",
          "[overlay][noderange][moved]") {
  const Cluster cluster(2);
  json conf = layer2(1, 2, "isolated");
  conf["ipam"] = {{"ranges", {{{{"subnet", "10.52.0.0/24"}}}}}, {"nodeRange", {{"prefix", 29}}}};
  conf["capabilities"] = {{"ips", true}};
  json vm = conf;
  vm["args"]["cni"]["vm"] = "db";
  const std::string address = cluster.add(1, vm).front();
  json moved = vm;
  moved["runtimeConfig"]["ips"] = {address + "/24"};
  CHECK(cluster.add(2, moved).front() == address);
  // Before anything is heard of it from there it has not moved: the entry is made by the VM's own first frame.
  REQUIRE(ping(cluster.pod(2).netns(), "10.52.0.250", 200) != Reach::connected);
  cluster.del(1, vm);
  const Pod more[6] = {Pod("m1"), Pod("m2"), Pod("m3"), Pod("m4"), Pod("m5"), Pod("m6")};
  for (int i = 0; i < 5; ++i) {  // .2 to .7 but for that one
    const Ran added = cluster.command(1, "add {} --netns m" + std::to_string(i + 1) + " --ifname eth0 --json", conf);
    REQUIRE(added.ok());
    CHECK_THAT(added.out, !Contains(address + "/"));
  }
  json asks = conf;
  asks["runtimeConfig"]["ips"] = {address + "/24"};
  CHECK_FALSE(cluster.command(1, "add {} --netns m6 --ifname eth0", asks).ok());
  // It comes home.
  cluster.del(2, moved);
  CHECK(cluster.add(1, vm).front() == address);
}
