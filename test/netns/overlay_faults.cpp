// What went wrong once, or could: the host's own routes, an underlay that changes, lists that shrink, pods that forge, links of other hands.
#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json file_conf(const json& list, const json& more = json::object()) {
  Cluster::write("/run/faults.json", list.dump());
  json conf = in_file(layer3(2), "/run/faults.json");
  conf["overlay"].update(more);
  return conf;
}

// A listener of the kernel's: how many tunnel packets of that VNI the node took in.
std::string taken_in(const Cluster& cluster, int n, const std::string& vtep) {
  return cluster.node(n).must_exec("awk '/" + vtep + ":/ { print $3 }' /proc/net/dev");
}

std::size_t entries(const Cluster& cluster, int n) {
  return std::stoul(cluster.node(n).must_exec("bridge fdb show dev vx42 | grep -c dst || true"));
}

}  // namespace

TEST_CASE("a peer's subnet that is the host's own route takes nothing away, and is told", "[overlay][faults]") {
  const Cluster cluster(1);
  const Pod& node = cluster.node(1);
  node.must_exec(
      "ip route add 172.30.0.0/16 via 192.0.2.1 && ip -6 route add 2001:db8:99::/48 via 2001:db8::1 && ip route");
  const std::string routes =
      "ip route show 172.30.0.0/16; ip -6 route show 2001:db8:99::/48; ip route show default; "
      "ip route show 192.0.2.0/24";
  const std::string before = node.must_exec(routes);
  json list = peers(2);
  list[1]["subnets"] = {"10.51.2.0/24", "172.30.0.0/16", "2001:db8:99::/48"};
  const json conf = file_conf(list);
  const Ran added = cluster.command(1, "add {} --netns p1 --ifname eth0", conf);
  CHECK(added.ok());
  CHECK_THAT(added.err, Contains("172.30.0.0/16") && Contains("another hand"));
  CHECK(node.must_exec(routes) == before);
  CHECK_FALSE(cluster.command(1, "check").ok());
  CHECK_THAT(node.must_exec("ip route show proto 84"), Contains("10.51.2.0/24"));
  cluster.del(1, conf);
  CHECK(node.must_exec(routes) == before);
  for (const char* subnet :
       {"192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0", "127.0.0.0/8", "224.0.0.0/4", "10.51.1.128/25"}) {
    CAPTURE(subnet);
    list[1]["subnets"] = {subnet};
    CHECK_FALSE(cluster.command(1, "add {} --netns p1 --ifname eth0", file_conf(list)).ok());
    CHECK(node.must_exec(routes) == before);
    CHECK(cluster.left(1) == "");
  }
}

TEST_CASE("the underlay's address changed: pods come, repair keeps it, CHECK tells where it is not",
          "[overlay][faults]") {
  const Cluster cluster(2);
  json list = peers(2);
  list[0]["node"] = "n1";
  json conf = layer3(2, {{"peers", list}, {"local", "eth0"}, {"node", "n1"}}), far = layer3(2, {{"peers", list}});
  cluster.add(1, conf);
  const auto second = cluster.add(2, far);
  const Pod& node = cluster.node(1);
  node.must_exec(
      "ip addr add 192.0.2.21/24 dev eth0 && ip addr del 192.0.2.11/24 dev eth0; ip addr add 192.0.2.21/24 dev "
      "eth0; ip route replace default via 192.0.2.1");
  list[0]["vtep"] = "192.0.2.21";
  conf["overlay"]["peers"] = far["overlay"]["peers"] = list;
  CHECK_THAT(cluster.command(1, "status {}", conf).err + cluster.command(1, "status {}", conf).out,
             Contains("leaves from"));
  REQUIRE(cluster.command(2, "overlay sync {}", far).ok());
  Pod pod("q1");
  const Ran added = cluster.command(1, "add {} --netns q1 --ifname eth0", conf);
  CAPTURE(added.err);
  REQUIRE(added.ok());
  CHECK(ping(pod.netns(), second[0]) == Reach::connected);
  CHECK(cluster.command(1, "repair").ok());
  node.exec("nft flush ruleset");
  CHECK(cluster.command(1, "repair").ok());
  CHECK_THAT(node.must_exec("ip -d link show vx42"), Contains("local 192.0.2.21"));
  CHECK(ping(cluster.pod(1).netns(), second[0]) == Reach::connected);
  CHECK(cluster.command(1, "check").ok());
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("the underlay's address went and came again: the next ADD makes the routes that went with it",
          "[overlay][faults]") {
  // They name it as their source. The next hop stays, and an ADD looked at nothing else.
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  const Pod& node = cluster.node(1);
  const std::string before = node.must_exec("ip route show proto 84");
  node.must_exec(
      "ip addr del 192.0.2.11/24 dev eth0 && ip addr add 192.0.2.11/24 dev eth0 && ip route replace default via "
      "192.0.2.1 && ip link show eth0");
  REQUIRE(node.must_exec("ip route show proto 84") == "");
  const Pod pod("q1");
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", conf).ok());
  CHECK(node.must_exec("ip route show proto 84") == before);
  CHECK(ping(pod.netns(), "10.51.2.2") == Reach::connected);
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
}

TEST_CASE("the underlay's MTU changed: pods come as before, a smaller one is told", "[overlay][faults]") {
  const Cluster cluster(1);
  const json conf = layer3(2);
  cluster.add(1, conf);
  for (const char* mtu : {"9000", "1400"}) {
    CAPTURE(mtu);
    cluster.node(1).must_exec("ip link set eth0 mtu " + std::string(mtu) + " && ip link show eth0");
    Pod pod("q1");
    const Ran added = cluster.command(1, "add {} --netns q1 --ifname eth0", conf);
    CAPTURE(added.err);
    REQUIRE(added.ok());
    CHECK_THAT(pod.must_exec("ip link show eth0"), Contains("mtu 1450"));
    CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  }
  CHECK_THAT(cluster.command(1, "status {}", conf).err + cluster.command(1, "status {}", conf).out,
             Contains("carries now"));
}

TEST_CASE("peers that wait for their turn to go stay gone when they went, and nobody new is lost by it",
          "[overlay][faults]") {
  const Cluster cluster(1);
  cluster.add(1, file_conf(peers(9)));
  REQUIRE(entries(cluster, 1) == 8);
  json two = peers(2);
  two.push_back({{"vtep", "192.0.2.99"}, {"subnets", {"10.51.99.0/24"}}});
  const json conf = file_conf(two);
  Pod pod("q1");
  for (int i = 0; i < 3; ++i) {  // each an ADD: a fifth, three at least, goes once a minute
    REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", conf).ok());
    CHECK(entries(cluster, 1) == 6);
    REQUIRE(cluster.command(1, "repair").ok());
    CHECK(entries(cluster, 1) == 6);
    CHECK_THAT(cluster.node(1).must_exec("bridge fdb show dev vx42"), Contains("192.0.2.99"));
    REQUIRE(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  }
  REQUIRE(cluster.command(1, "overlay sync {}", conf).ok());  // a person does not wait
  CHECK(entries(cluster, 1) == 3);
  REQUIRE(cluster.command(1, "overlay sync {}", conf).ok());
  CHECK(entries(cluster, 1) == 2);
  const json alone = file_conf(peers(1));
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", alone).ok());
  CHECK(entries(cluster, 1) == 2);  // a list that names nobody may be one that is being written
  REQUIRE(cluster.command(1, "overlay sync {}", alone).ok());
  CHECK(entries(cluster, 1) == 0);
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", alone).ok());
  cluster.del(1, alone);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("a pod's own tunnel packets do not leave the node, whatever network it is of", "[overlay][faults][guard]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  Pod evil("evil");
  const json plain{{"cniVersion", "1.1.0"}, {"name", "plain"}, {"type", "trestle"}, {"subnets", {"10.77.0.0/24"}}};
  REQUIRE(cluster.command(1, "add {} --netns evil --ifname eth0", plain).ok());
  const std::string forged =
      "import socket,struct\n"
      "inner=b'\\x02'*12+b'\\x08\\x00'+b'\\x45'+b'\\0'*19\n"
      "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
      "for i in range(5): s.sendto(struct.pack('>II',0x08000000,42<<8)+inner,('192.0.2.12',4789))\n";
  Cluster::write("/run/forge.py", forged);
  const std::string before = taken_in(cluster, 2, "vx42");
  evil.must_exec("python3 /run/forge.py && ip link show lo");
  cluster.pod(1).must_exec("python3 /run/forge.py && ip link show lo");
  CHECK(taken_in(cluster, 2, "vx42") == before);
  // Another VNI is none of our business.
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  CHECK(cluster.command(1, "del {} --netns evil --ifname eth0", plain).ok());
}

TEST_CASE("two networks with one VNI: the second one is refused and the first one stays guarded", "[overlay][faults]") {
  const Cluster cluster(1);
  const json conf = layer3(2);
  cluster.add(1, conf);
  json other = conf;
  other["name"] = "two";
  other["overlay"]["peers"][0]["subnets"] = {"10.61.1.0/24"};
  other["overlay"]["peers"][1]["subnets"] = {"10.61.2.0/24"};
  const std::string before = cluster.node(1).must_exec("nft list ruleset");
  Pod pod("q1");
  const Ran refused = cluster.command(1, "add {} --netns q1 --ifname eth0", other);
  CHECK_FALSE(refused.ok());
  CHECK_THAT(refused.err, Contains("have one VNI, 42"));
  CHECK(cluster.node(1).must_exec("nft list ruleset") == before);
  CHECK(cluster.command(1, "check").ok());
}

TEST_CASE("layer 2: what goes to one station goes to its node alone", "[overlay][faults]") {
  const Cluster cluster(3);
  for (int n = 1; n <= 3; ++n) cluster.add(n, layer2(n, 3, "isolated"));
  REQUIRE(ping(cluster.pod(1).netns(), "10.52.0.20") == Reach::connected);
  const int before = std::stoi(taken_in(cluster, 3, "vx43"));
  cluster.pod(1).must_exec("ping -c 20 -i 0.02 -W 1 -q 10.52.0.20");
  CHECK(std::stoi(taken_in(cluster, 3, "vx43")) - before < 5);  // a neighbour's query at most
}

TEST_CASE("a damaged state file is told, and the next ADD programs all", "[overlay][faults]") {
  const Cluster cluster(1);
  const json conf = layer3(2);
  cluster.add(1, conf);
  const std::string file = Cluster::state(1) + "/overlay/vx42.json";
  must_run("head -n 1 " + file + " > /run/x && echo '{' >> /run/x && cp /run/x " + file + " && ls " + file);
  cluster.node(1).must_exec("ip nexthop flush; ip link show vx42");
  CHECK_THAT(cluster.command(1, "check").out, Contains("damaged"));
  CHECK_THAT(cluster.command(1, "repair").out + cluster.command(1, "repair").err, !Contains("nothing"));
  Pod pod("q1");
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", conf).ok());
  CHECK_THAT(cluster.node(1).must_exec("ip nexthop"), Contains("dev vx42"));
  cluster.node(1).must_exec("ip nexthop flush; ip link show vx42");  // the file is whole: it is seen all the same
  REQUIRE(cluster.command(1, "del {} --netns q1 --ifname eth0", conf).ok());
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", conf).ok());
  CHECK_THAT(cluster.node(1).must_exec("ip nexthop"), Contains("dev vx42"));
}

TEST_CASE("a link of another hand that has the tunnel's name keeps what it has", "[overlay][faults]") {
  const Cluster cluster(1);
  const Pod& node = cluster.node(1);
  node.must_exec(
      "ip link add vx42 type vxlan id 9 dstport 4790 local 192.0.2.11 && bridge fdb add 02:00:00:00:00:09 dev vx42 dst "
      "192.0.2.77 && ip link show vx42");
  const std::string before = node.must_exec("bridge fdb show dev vx42; ip -d link show vx42");
  CHECK(cluster.command(1, "overlay sync {}", layer3(2)).ok());
  CHECK_FALSE(cluster.command(1, "add {} --netns p1 --ifname eth0", layer3(2)).ok());
  CHECK(node.must_exec("bridge fdb show dev vx42; ip -d link show vx42") == before);
  CHECK_FALSE(run("ls " + Cluster::state(1) + "/overlay/vx42.json").ok());
}

TEST_CASE("layer 3 on a host whose links are born without IPv6, and with a second address on the underlay",
          "[overlay][faults]") {
  const Cluster cluster(2);
  cluster.node(1).must_exec(
      "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6 && ip addr add 192.0.2.200/24 dev eth0 && "
      "ip addr add 2001:db8::9999/64 dev eth0 nodad && ip link show lo");
  const bool v6 = GENERATE(false, true);
  const json conf = layer3(2, {{"peers", peers(2, v6)}});
  cluster.add(1, conf);
  const auto second = cluster.add(2, conf);
  CHECK(ping(cluster.pod(1).netns(), second[0]) == Reach::connected);
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  json narrow = conf;
  narrow["mtu"] = 1200;
  CHECK_THAT(cluster.command(1, "add {} --netns p1 --ifname eth0", narrow).err,
             Contains("layer 3 needs an MTU of 1280"));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("layer 2: a switch that another hand took away is named, and repair makes it and all the rest again",
          "[overlay][faults]") {
  const Cluster cluster(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, layer2(n, 2, "isolated"));
  Pod other("q1");
  const json plain{{"cniVersion", "1.1.0"}, {"name", "plain"}, {"type", "trestle"}, {"subnets", {"10.77.0.0/24"}}};
  REQUIRE(cluster.command(1, "add {} --netns q1 --ifname eth0", plain).ok());
  cluster.node(1).must_exec("ip link del trflat; nft flush ruleset; ip link show lo");
  CHECK_THAT(cluster.command(1, "check").out, Contains("trflat") && Contains("trplain"));
  const Ran repaired = cluster.command(1, "repair");
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.20") == Reach::connected);
  CHECK(cluster.command(1, "del {} --netns q1 --ifname eth0", plain).ok());
  for (int n = 1; n <= 2; ++n) cluster.del(n, layer2(n, 2, "isolated"));
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("the set of peers emptied by another hand: CHECK names it, repair fills it", "[overlay][faults]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  cluster.add(1, conf);
  const auto second = cluster.add(2, conf);
  cluster.node(1).must_exec("nft flush set inet trestle peer-trover && ip link show lo");
  CHECK_THAT(cluster.command(1, "check").out, Contains("peer-trover"));
  CHECK(cluster.command(1, "repair").ok());
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  CHECK(ping(cluster.pod(1).netns(), second[0]) == Reach::connected);
}
