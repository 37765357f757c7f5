// What cannot be a node of its network is told before anything is made.
#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("an overlay that cannot work is refused with the reason, and nothing is made", "[overlay][refused]") {
  struct Case {
    json patch;  // of the configuration
    std::string says;
  };
  const auto c = GENERATE(values<Case>({
      {{{"overlay", {{"local", "192.0.2.99"}}}}, "no link of this host has the address 192.0.2.99"},
      {{{"overlay", {{"local", "nowhere0"}}}}, "no link nowhere0"},
      {{{"overlay", {{"local", "198.51.100.0/24"}}}}, "no link of this host has an address in 198.51.100.0/24"},
      {{{"overlay", {{"vni", nullptr}}}}, "\"vni\" is missing"},
      {{{"overlay", {{"vni", 16777216}}}}, "overlay.vni"},
      {{{"overlay", {{"port", 70000}}}}, "overlay.port"},
      {{{"overlay", {{"layer", 4}}}}, "overlay.layer"},
      {{{"overlay", {{"control", "etcd"}}}}, "overlay.control"},
      {{{"mode", "isolated"}, {"overlay", {{"control", "multicast"}, {"layer", 2}}}}, "group"},
      {{{"overlay", {{"peers", {{{"vtep", "192.0.2.12"}}, {{"vtep", "192.0.2.12"}}}}}}},
       "two peers have the address 192.0.2.12"},
      {{{"overlay",
         {{"peers",
           {{{"vtep", "192.0.2.11"}, {"subnets", {"10.51.0.0/16"}}},
            {{"vtep", "192.0.2.12"}, {"subnets", {"10.51.2.0/24"}}}}}}}},
       "both have"},
      {{{"overlay", {{"local", "192.0.2.11"}, {"peers", {{{"vtep", "2001:db8::12"}}}}}}}, "of another family"},
      {{{"overlay", {{"peers", {{{"vtep", "192.0.2.12"}, {"subnets", {"10.51.2.0/24"}}}}}}}},
       "has no subnet in the list of peers"},
      {{{"overlay", {{"peers", {{{"vtep", "127.0.0.1"}}}}}}}, "no address that another node could send to"},
      {{{"overlay", {{"peersFile", "/run/none.json"}}}}, "/run/none.json"},
      {{{"overlay", {{"engine", "static"}}}}, "control"},
      {{{"mtu", 1451}}, "larger frames would vanish"},
      {{{"mode", "isolated"}}, "layer 2"},
      {{{"mode", "bridge"}, {"uplink", "eth0"}, {"overlay", {{"layer", 2}}}}, "loop"},
  }));
  CAPTURE(c.patch.dump());
  const Cluster cluster(1);
  json conf = layer3(2);
  conf.merge_patch(c.patch);
  const Ran ran = cluster.command(1, "add {} --netns p1 --ifname eth0", conf);
  CAPTURE(ran.out, ran.err);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, Contains(c.says));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("a VNI and port that another link has is refused, naming both", "[overlay][refused]") {
  const Cluster cluster(1);
  cluster.node(1).must_exec("ip link add theirs type vxlan id 42 local 192.0.2.11 dstport 4789 && ip link show theirs");
  const Ran ran = cluster.command(1, "add {} --netns p1 --ifname eth0", layer3(2));
  CAPTURE(ran.err);
  CHECK(ran.status == 1);
  CHECK_THAT(ran.err, Contains("VXLAN 42 on port 4789"));
  cluster.node(1).must_exec("ip link del theirs && ip link show lo");
  CHECK(cluster.left(1) == "");
}

TEST_CASE("CHECK names what another hand did to the tunnel, repair mends it", "[overlay][check]") {
  const auto [tampered, named] = GENERATE(table<std::string, std::string>({
      {"ip link set vx42 mtu 1400", "MTU is 1400, not 1450"},
      {"ip link set vx42 down", "is down"},
      {"ip link del vx42", "is gone"},
      {"ip link set vx42 name theirs", "is called theirs now: it is our own, renamed by another hand"},
      {"ip link set vx42 address 02:00:00:00:00:09", "MAC is 02:00:00:00:00:09"},
      {"nft flush ruleset", "table"},
      {"ip nexthop flush", "nexthop"},
      {"ip -6 neigh flush dev vx42 nud permanent", "neighbour"},
      {"ip route del 10.51.2.0/24", "route 10.51.2.0/24"},
  }));
  CAPTURE(tampered);
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  cluster.node(1).must_exec(tampered + " && ip link show lo");
  const Ran checked = cluster.command(1, "check");
  CAPTURE(checked.out, checked.err);
  CHECK(checked.status == 1);
  CHECK_THAT(checked.out, Contains(named));
  const Ran repaired = cluster.command(1, "repair");
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK(cluster.command(1, "check").ok());
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  CHECK(ping(cluster.pod(2).netns(), "10.51.1.2") == Reach::connected);
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("a tunnel that another hand has renamed goes with the last DEL, or with GC when the store is lost",
          "[overlay][renamed]") {
  // It stayed, with the routes of all peers, in a host without the guard that tells peers from strangers.
  const Cluster cluster(1);
  const json conf = GENERATE(layer3(2), layer2(1, 2, "isolated"));
  cluster.add(1, conf);
  cluster.node(1).must_exec("ip link set vx" + conf["overlay"]["vni"].dump() + " name theirs && ip link show theirs");
  SECTION("DEL") { cluster.del(1, conf); }
  SECTION("GC") {
    cluster.node(1).must_exec("rm -rf " + Cluster::state(1) + "; ip -n p1 link del eth0; ip link show lo");
    json valid = conf;
    valid["cni.dev/valid-attachments"] = json::array();
    Cluster::write("/run/gc.json", valid.dump());
    cluster.node(1).exec("CNI_COMMAND=GC CNI_PATH=/none TRESTLE_STATE_DIR=" + Cluster::state(1) + " " +
                         trestle_program() + " < /run/gc.json");
  }
  CHECK(cluster.node(1).exec("ip -br link | grep -E 'theirs|^tr'").out == "");
  CHECK(cluster.node(1).must_exec("ip route show proto 84; ip nexthop") == "");
}

TEST_CASE("an underlay that carries less than it did is told by STATUS", "[overlay][check]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  cluster.add(1, conf);
  CHECK(cluster.command(1, "status {}", conf).ok());
  cluster.node(1).must_exec("ip link set eth0 mtu 1400 && ip link show eth0");
  const Ran status = cluster.command(1, "status {}", conf);
  CAPTURE(status.out, status.err);
  CHECK(status.status == 1);
  CHECK_THAT(status.out + status.err, Contains("larger frames vanish"));
  cluster.del(1, conf);
}
