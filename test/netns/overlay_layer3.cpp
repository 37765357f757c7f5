// A subnet per node, routed through the tunnel.
#include <catch2/catch.hpp>
#include <chrono>

#include "overlay_world.h"
#include "support/frame.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("layer 3: pods of three nodes reach each other, the outside and every host, in both families",
          "[overlay][layer3]") {
  const auto [mode, v6_underlay] =
      GENERATE(table<std::string, bool>({{"nat", false}, {"routed", false}, {"nat", true}}));
  CAPTURE(mode, v6_underlay);
  const Cluster cluster(3);
  const json conf =
      layer3(3, v6_underlay ? json{{"peers", peers(3, true)}, {"local", "2001:db8::/64"}} : json::object(), mode);
  std::vector<std::vector<std::string>> addresses;
  for (int n = 1; n <= 3; ++n) addresses.push_back(cluster.add(n, conf));
  CHECK(addresses[1] == std::vector<std::string>{"10.51.2.2", "fd51:2::2"});
  for (int from = 1; from <= 3; ++from)
    for (int to = 1; to <= 3; ++to)
      for (const std::string& address : addresses[static_cast<std::size_t>(to - 1)]) {
        CAPTURE(from, address);
        CHECK(ping(cluster.pod(from).netns(), address) == Reach::connected);
        if (from != to && !v6_underlay && address.find(':') == std::string::npos)
          CHECK(ping(cluster.node(from).netns(), address) == Reach::connected);
      }
  if (mode == "nat") CHECK(ping(cluster.pod(1).netns(), "192.0.2.1") == Reach::connected);
  // As itself, not as its host.
  const Echo echo(cluster.pod(2).netns());
  CHECK(tcp_talk(cluster.pod(1).netns(), "10.51.2.2", 7).seen() == "10.51.1.2");
  // A full frame, unfragmented, and what is larger is refused to the sender, not lost.
  const std::string size = v6_underlay ? "1402" : "1422";
  CHECK(cluster.pod(1).exec("ping -n -c 1 -W 1 -M do -s " + size + " 10.51.2.2").ok());
  CHECK_THAT(cluster.command(1, "check").out, Contains("as configured"));
  const Ran probed = cluster.command(1, "overlay probe {}", conf);
  CAPTURE(probed.out, probed.err);
  CHECK(probed.ok());
  for (int n = 1; n <= 3; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("overlay peers tells what came from each peer, and what the tunnel carried", "[overlay][peers]") {
  const bool v6_underlay = GENERATE(false, true);
  CAPTURE(v6_underlay);
  const Cluster cluster(3);
  json conf = layer3(3, {{"peers", peers(3, v6_underlay)}});
  conf["hostAccess"] = false;  // its chain looks for peers too
  for (int n = 1; n <= 3; ++n) cluster.add(n, conf);
  const auto look = [&] { return json::parse(cluster.command(1, "overlay peers {} --json", conf).out); };
  const json before = look();
  REQUIRE(before.size() == 2);
  cluster.pod(2).must_exec("ping -n -q -c 5 -i 0.01 -s 1000 10.51.1.2");
  cluster.node(2).must_exec("ping -n -q -c 3 -i 0.01 10.51.1.2");
  const json after = look();
  const auto packets = [](const json& all, std::size_t peer) {
    return all.at(peer).at("received").at("packets").get<int>();
  };
  // The probe's own answer comes besides.
  CHECK(packets(after, 0) - packets(before, 0) == 8 + packets(after, 1) - packets(before, 1));
  CHECK(after[0]["received"]["bytes"].get<int>() - before[0]["received"]["bytes"].get<int>() > 5 * 1000);
  CHECK(after[0].at("tunnel").at("link") == "vx42");
  CHECK(after[0]["tunnel"]["received"]["packets"].get<int>() >= packets(after, 0) + packets(after, 1));
  CHECK(after[0]["tunnel"]["sent"]["bytes"].get<int>() > 5 * 1000);
  const Ran shown = cluster.command(1, "overlay peers {}", conf);
  CHECK_THAT(shown.out, Contains("RECEIVED") && Contains("tunnel vx42: received ") && Contains(" kB)"));
}

TEST_CASE("layer 3: one FDB entry, one neighbour, one next hop and its routes for each peer", "[overlay][layer3]") {
  const Cluster cluster(1);
  const json conf = layer3(3);
  cluster.add(1, conf);
  const Pod& node = cluster.node(1);
  CHECK_THAT(node.must_exec("ip -d link show vx42"), Contains("vxlan id 42 local 192.0.2.11") &&
                                                         Contains("dstport 4789") && Contains("nolearning") &&
                                                         Contains("mtu 1450") && !Contains(" dev eth0"));
  CHECK(node.must_exec("bridge fdb show dev vx42 | grep -c 'dst 192.0.2.1[23] self permanent'") == "2\n");
  CHECK(node.must_exec("ip neigh show dev vx42 | grep -c PERMANENT") == "2\n");
  CHECK(node.must_exec("ip nexthop show dev vx42 | grep -c 'proto 84'") == "2\n");
  CHECK(node.must_exec("ip route show proto 84 | grep -c 'dev vx42'") == "2\n");
  CHECK(node.must_exec("ip -6 route show proto 84 | grep -c 'dev vx42'") == "2\n");
  CHECK_THAT(node.must_exec("nft list set inet trestle peer-trover"),
             Contains("192.0.2.12 counter") && Contains("192.0.2.13 counter"));
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("a changed list is taken up by the next ADD and by sync; a fifth goes at once", "[overlay][sync]") {
  const Cluster cluster(2);
  json conf = layer3(9);
  cluster.add(1, conf);
  const auto count = [&] {
    return std::stoi(cluster.node(1).must_exec("bridge fdb show dev vx42 | grep -c permanent"));
  };
  CHECK(count() == 8);
  conf["overlay"]["peers"] = peers(2);
  const Ran first = cluster.command(1, "overlay sync {}", conf);
  CAPTURE(first.out);
  CHECK_THAT(first.out, Contains("4 peers that the list has no more are left"));
  CHECK(count() == 5);
  cluster.command(1, "overlay sync {}", conf);
  cluster.command(1, "overlay sync {}", conf);
  CHECK(count() == 1);
  CHECK_THAT(cluster.command(1, "overlay sync {}", conf).out, Contains("0 entries made, 0 removed"));
  conf["overlay"]["peers"] = peers(3);
  const Pod second("second");
  REQUIRE(cluster.command(1, "add {} --netns second --ifname eth0", conf).ok());
  CHECK(count() == 2);
  cluster.command(1, "del {} --netns second --ifname eth0", conf);
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("the list may be a file", "[overlay][sync]") {
  const Cluster cluster(2);
  const json conf = in_file(layer3(0), "/run/peers.json");
  Cluster::write("/run/peers.json", peers(2).dump());
  cluster.add(1, conf);
  cluster.add(2, conf);
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  cluster.del(1, conf);
  cluster.del(2, conf);
  Cluster::write("/run/peers.json", "{\"peers\": [");
  const Ran refused = cluster.command(1, "add {} --netns p1 --ifname eth0", conf);
  CHECK(refused.status != 0);
  CHECK_THAT(refused.err, Contains("/run/peers.json"));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("what comes by the tunnel goes to this network's pods and nowhere else", "[overlay][guard]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  cluster.add(1, conf);
  cluster.add(2, conf);
  const Pod other("other");
  const json another{{"cniVersion", "1.1.0"}, {"name", "other"}, {"type", "trestle"}, {"subnets", {"10.77.0.0/24"}}};
  REQUIRE(cluster.command(2, "add {} --netns other --ifname eth0", another).ok());
  cluster.node(1).must_exec(
      "ip route add 10.77.0.0/24 nhid $(ip nexthop show dev vx42 | sed 's/id \\([0-9]*\\).*/\\1/')");
  CHECK(ping(cluster.pod(1).netns(), "10.77.0.2", 700) != Reach::connected);
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  cluster.command(2, "del {} --netns other --ifname eth0", another);
  cluster.del(1, conf);
  cluster.del(2, conf);
}

TEST_CASE("tunnel packets are taken from peers alone; another VXLAN on the port lives on", "[overlay][guard]") {
  const Cluster cluster(3);
  const json conf = layer3(2);  // the third is a stranger
  cluster.add(1, conf);
  // A VXLAN of somebody else's, of another VNI, on the same port.
  for (const int n : {1, 3}) {
    const std::string other = n == 1 ? "13" : "11", own = n == 1 ? "11" : "13";
    cluster.node(n).must_exec("ip link add theirs type vxlan id 7 local 192.0.2." + own + " remote 192.0.2." + other +
                              " dstport 4789 && ip addr add 198.51.100." + own +
                              "/24 dev theirs && ip link set theirs up && ip link show theirs");
  }
  CHECK(ping(cluster.node(3).netns(), "198.51.100.11") == Reach::connected);
  // The stranger forges our VNI towards our pod.
  cluster.node(3).must_exec(
      "ip link add vx42 type vxlan id 42 local 192.0.2.13 remote 192.0.2.11 dstport 4789 && ip link set vx42 up && ip "
      "link show vx42");
  const std::string mac = cluster.node(1).must_exec("ip -br link show vx42 | awk '{print $3}'");
  cluster.node(3).must_exec(
      "ip addr add 10.51.9.9/32 dev vx42 && ip route add 10.51.1.2 dev vx42 && ip neigh add 10.51.1.2 lladdr " +
      mac.substr(0, 17) + " dev vx42 && ip neigh show dev vx42");
  cluster.node(1).must_exec(
      "nft add table inet seen && nft 'add chain inet seen in { type filter hook prerouting priority 0; }' && "
      "nft add rule inet seen in iifname vx42 counter && nft list table inet seen");
  CHECK(ping(cluster.node(3).netns(), "10.51.1.2", 700) != Reach::connected);
  CHECK_THAT(cluster.node(1).must_exec("nft list table inet seen"), Contains("packets 0 "));
  CHECK(ping(cluster.node(3).netns(), "198.51.100.11") == Reach::connected);
  cluster.node(1).must_exec("nft delete table inet seen; ip link del theirs; ip link show lo");
  cluster.del(1, conf);
  CHECK(cluster.left(1) == "");
}

TEST_CASE("txChecksumOffload false: the tunnel leaves no checksum to the NIC, CHECK sees it, repair mends it",
          "[overlay]") {
  const Cluster cluster(2);
  const json conf = layer3(2, {{"txChecksumOffload", false}});
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  // ethtool is not there everywhere.
  Cluster::write("/run/csum.py",
                 "import array,fcntl,socket,struct,sys\n"
                 "value=array.array('B',struct.pack('II',int(sys.argv[1],16),int(sys.argv[2])))\n"
                 "fcntl.ioctl(socket.socket(socket.AF_INET,socket.SOCK_DGRAM),0x8946,struct.pack('16sP',b'vx42',"
                 "value.buffer_info()[0]))\n"
                 "print(struct.unpack('II',value.tobytes())[1])\n");
  CHECK(cluster.node(1).must_exec("python3 /run/csum.py 16 0") == "0\n");
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  CHECK(cluster.command(1, "check").ok());
  cluster.node(1).must_exec("python3 /run/csum.py 17 1");
  CHECK_THAT(cluster.command(1, "check").out, Contains("leaves checksums to the NIC"));
  CHECK(cluster.command(1, "repair").ok());
  CHECK(cluster.node(1).must_exec("python3 /run/csum.py 16 0") == "0\n");
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
  for (int n = 1; n <= 2; ++n) CHECK(cluster.left(n) == "");
}
