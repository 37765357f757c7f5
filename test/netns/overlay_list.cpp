// What a list of nodes may do to one of them: its part of the subnet, its own entry, its MTU.
#include <catch2/catch.hpp>

#include "overlay_agent.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json entry(int node, const json& more = json::object()) {
  json out{{"vtep", "192.0.2.1" + std::to_string(node)}};
  out.update(more);
  return out;
}

json divided(const json& peers) {
  json conf = layer2(1, 1, "isolated", {{"peers", peers}});
  conf["ipam"] = {{"ranges", {{{{"subnet", "10.52.0.0/16"}}}}}, {"nodeRange", {{"prefix", 24}}}};
  return conf;
}

std::string refused(const Cluster& cluster, int n, const json& conf) {
  const Ran ran = cluster.command(n, "add {} --netns p" + std::to_string(n) + " --ifname eth0", conf);
  CHECK_FALSE(ran.ok());
  return ran.err;
}

}  // namespace

TEST_CASE("nodeRange: a node whose entry moved in the list does not give its neighbour's addresses",
          "[overlay][list]") {
  // A node that was taken out of the list moved every later one to the part of the one before: addresses and MACs were given twice.
  const Cluster cluster(3);
  const json all = {entry(1), entry(2), entry(3)}, shorter = {entry(1), entry(3)};
  CHECK(cluster.add(3, divided(all)).front() == "10.52.2.0");
  const Pod more("m");
  const auto again = [&](const json& peers) {
    return cluster.command(3, "add {} --netns m --ifname eth0 --json", divided(peers));
  };
  CHECK_THAT(again(shorter).err,
             Contains("this node's part was number 2") && Contains("number 1") && Contains("\"index\""));
  CHECK_THAT(cluster.command(3, "status {}", divided(shorter)).err, Contains("this node's part was number 2"));
  SECTION("an index stays where it is") {
    const json indexed = {entry(1, {{"index", 0}}), entry(3, {{"index", 2}})};
    CHECK_THAT(again(indexed).out, Contains("10.52.2.1/16"));
    cluster.command(3, "del {} --netns m --ifname eth0", divided(indexed));
  }
  SECTION("without pods it may move") {
    cluster.del(3, divided(all));
    CHECK_THAT(again(shorter).out, Contains("10.52.1.0/16"));
    cluster.command(3, "del {} --netns m --ifname eth0", divided(shorter));
  }
}

TEST_CASE("a list that would give addresses twice, or a node another's entry, is refused", "[overlay][list]") {
  const Cluster cluster(1);
  const auto with = [](json conf, const std::string& key, const json& value) {
    conf[key].update(value);
    return conf;
  };
  CHECK_THAT(refused(cluster, 1, divided({entry(1, {{"index", 0}}), entry(2)})),
             Contains("192.0.2.12 has no \"index\""));
  CHECK_THAT(refused(cluster, 1, divided({entry(1, {{"index", 7}}), entry(2, {{"index", 7}})})),
             Contains("both have \"index\" 7"));
  const json two = {entry(1), entry(2, {{"node", "n2"}})};
  CHECK_THAT(refused(cluster, 1, with(divided(two), "overlay", {{"node", "n2"}})),
             Contains("entry 192.0.2.11 of the list has this node's address, entry 192.0.2.12 its name \"n2\""));
  json half = divided({entry(1), entry(2)});
  half["ipam"]["nodeRange"] = {{"prefix6", 80}};
  CHECK_THAT(refused(cluster, 1, half), Contains("has no \"prefix\""));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("layer 2: a pool that every node would give the same addresses of is refused", "[overlay][list]") {
  // Two pods had one address and, as it follows from that, one MAC.
  const Cluster cluster(1);
  const std::string mode = GENERATE("isolated", "nat");
  json conf = layer2(1, 2, mode);
  conf["ipam"] = {{"ranges", {{{{"subnet", "10.52.0.0/16"}}}}}};
  CHECK_THAT(refused(cluster, 1, conf), Contains("every node would give the same addresses") && Contains("nodeRange"));
  CHECK(cluster.left(1) == "");
  CHECK_THAT(cluster.command(1, "status {}", conf).err, Contains("every node would give the same addresses"));
  SECTION("an address that was asked for is the asker's affair") {
    conf["capabilities"] = {{"ips", true}};
    CHECK(cluster.command(1, "add {} --netns p1 --ifname eth0 --cap-args '{\"ips\":[\"10.52.3.4/16\"]}'", conf).ok());
    cluster.del(1, conf);
  }
  SECTION("its part of it") {
    conf["ipam"]["nodeRange"] = {{"prefix", 24}};
    cluster.add(1, conf);
    const Ran status = cluster.command(1, "status {}", conf);
    CHECK_THAT(status.out, Contains(mode == "nat" ? "10.52.0.2-10.52.0.254: 1 of 253 in use"  // one is the host's own
                                                  : "10.52.0.2-10.52.0.255: 1 of 254 in use"));
    CHECK_THAT(status.err, !Contains("same addresses"));
    cluster.del(1, conf);
  }
  SECTION("a list of one node") {
    conf["overlay"]["peers"] = {entry(1)};
    cluster.add(1, conf);
    cluster.del(1, conf);
  }
}

TEST_CASE("a tunnel address on lo: the MTU is that of the way to the peers", "[overlay][list]") {
  const Cluster cluster(2);
  json peers = json::array();
  for (int n = 1; n <= 2; ++n) {
    const std::string at = std::to_string(n), other = std::to_string(3 - n);
    cluster.node(n).must_exec("ip addr add 10.255.0." + at + "/32 dev lo && ip route add 10.255.0." + other +
                              " via 192.0.2.1" + other + " src 10.255.0." + at);
    peers.push_back({{"vtep", "10.255.0." + at}, {"subnets", {"10.51." + at + ".0/24"}}});
  }
  const json conf = layer3(2, {{"peers", peers}, {"local", "10.255.0.0/24"}});
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  CHECK_THAT(cluster.pod(1).must_exec("ip link show eth0"), Contains("mtu 1450"));
  CHECK_THAT(cluster.node(1).must_exec("ip link show vx42"), Contains("mtu 1450"));
  CHECK(cluster.pod(1).exec("ping -n -c 1 -W 1 -M do -s 1422 10.51.2.2").ok());
  for (int n = 1; n <= 2; ++n) cluster.del(n, conf);
}

TEST_CASE("peers that are gone are not listened to while others wait for their turn", "[overlay][list]") {
  const Cluster cluster(1);
  const auto of = [](int nodes) {
    json list = {entry(1)};
    for (int n = 1; n < nodes; ++n) list.push_back({{"vtep", "198.51.100." + std::to_string(n)}});
    return layer2(1, 1, "isolated", {{"peers", list}});
  };
  cluster.add(1, of(21));
  CHECK(cluster.command(1, "overlay sync {}", of(3)).ok());
  const auto count = [&](const char* command) { return cluster.node(1).must_exec(command); };
  const std::string entries = count("bridge fdb show dev vx43 | grep -c 00:00:00:00:00:00");
  CHECK(entries == "16\n");
  CHECK(count("nft list set inet trestle peer-trflat | grep -o 198.51 | wc -l") == entries);
}

TEST_CASE("a list that shrinks step by step takes no more than a fifth of the peers in a minute", "[overlay][list]") {
  // Each list was short of less than a fifth of what the one before had left: 29 peers became 3 within 15 s.
  const Cluster cluster(1);
  const auto list = [](int nodes) {
    json out = {entry(1)};
    for (int n = 1; n < nodes; ++n) out.push_back({{"vtep", "198.51.100." + std::to_string(n)}});
    return out;
  };
  const json conf = in_file(layer2(1, 1, "isolated"), "/run/peers.json");
  const auto write = [&](int nodes) { Cluster::write("/run/peers.json", list(nodes).dump()); };
  const auto count = [&] {
    return std::stoi(cluster.node(1).must_exec("bridge fdb show dev vx43 | grep -c 00:00:00:00:00:00"));
  };
  write(30);
  cluster.add(1, conf);
  REQUIRE(count() == 29);
  SECTION("by sync; who says the same list again means it") {
    for (const auto& [nodes, there] : {std::pair(26, 25), {22, 24}, {19, 24}}) {
      write(nodes);
      CHECK(cluster.command(1, "overlay sync {}", conf).ok());
      CHECK(count() == there);
    }
    CHECK(cluster.command(1, "overlay sync {}", conf).ok());
    CHECK(count() == 20);
  }
  SECTION("by the agent") {
    const Agent agent(cluster, 1, conf);
    for (const int nodes : {26, 22, 19, 16}) {
      write(nodes);
      CHECK_FALSE(becomes_true([&] { return count() < 24; }, 2));
    }
    CHECK(count() == 24);
    write(30);
    CHECK(becomes_true([&] { return count() == 29; }));
  }
  SECTION("by ADDs") {
    for (const int nodes : {26, 22, 19}) {
      write(nodes);
      const Pod more("m");
      CHECK(cluster.command(1, "add {} --netns m --ifname eth0", conf).ok());
      CHECK(cluster.command(1, "del {} --netns m --ifname eth0", conf).ok());
    }
    CHECK(count() == 24);
  }
}

TEST_CASE("the agent says once which configuration it leaves out", "[overlay][agent]") {
  const Cluster cluster(1);
  json wrong = layer2(1, 1, "isolated");
  wrong["overlay"]["vnni"] = 42;
  const Agent agent(cluster, 1, wrong);
  CHECK(becomes_true([&] { return agent.log().find("a configuration is left out") != std::string::npos; }));
  const std::string log = agent.log();
  CHECK_THAT(log, Contains("vnni"));
  CHECK(log.find("left out") == log.rfind("left out"));
}

TEST_CASE("a tunnel that is another network's, or another layer's, is not taken over by sync, the agent or an ADD",
          "[overlay][list][taken]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  const std::string before = cluster.node(1).must_exec("ip -d link show vx42 | head -3; ip route show proto 84");
  json other = layer2(1, 2, "isolated", {{"vni", 42}});
  CHECK_THAT(cluster.command(1, "overlay sync {}", other).err, Contains("have one VNI, 42"));
  CHECK_THAT(cluster.command(1, "status {}", other).err, Contains("have one VNI, 42"));
  json changed = conf;
  changed["overlay"]["layer"] = 2;
  changed["subnets"] = {"10.51.1.0/24", "fd51:1::/64"};
  CHECK_THAT(cluster.command(1, "overlay sync {}", changed).err, Contains("was made for another \"layer\""));
  const Pod more("m");
  const Ran added = cluster.command(1, "add {} --netns m --ifname eth0", changed);
  CHECK_FALSE(added.ok());
  CHECK_THAT(added.err, Contains("vx42"));
  {
    const Agent agent(cluster, 1, changed);
    CHECK(becomes_true([&] { return agent.log().find("was made for another") != std::string::npos; }));
  }
  CHECK(cluster.node(1).must_exec("ip -d link show vx42 | head -3; ip route show proto 84") == before);
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
}

TEST_CASE("the agent makes a tunnel again at once that was deleted; what cannot be mended it tells once, and rests",
          "[overlay][agent][lost]") {
  const Cluster cluster(2);
  const json conf = layer3(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, conf);
  const Agent agent(cluster, 1, conf, "--metrics-port 9754");
  REQUIRE(becomes_true([&] { return agent.metrics().find("trestle_agent_passes_total") != std::string::npos; }));
  cluster.node(1).must_exec("ip link del vx42");
  CHECK(becomes_true([&] { return ping(cluster.pod(1).netns(), "10.51.2.2", 300) == Reach::connected; }, 4));
  cluster.node(1).must_exec("ip link set vx42 name vxfoo && ip link show vxfoo");
  CHECK(becomes_true([&] { return cluster.node(1).exec("ip link show vx42").ok(); }));
  cluster.node(1).must_exec("ip link del vx42; ip link add vx42 type bridge; nft flush ruleset");
  CHECK(becomes_true([&] { return agent.log().find("not mended") != std::string::npos; }));
  const auto passes = [&] {
    std::string
        text;  // in the middle of a pass it answers when that is done, and the client has gone by then where two tests share a core
    REQUIRE(becomes_true([&] { return !(text = agent.metrics()).empty(); }));
    return std::stoi(text.substr(text.find("\ntrestle_agent_passes_total ") + 28));
  };
  run("sleep 1");
  const int then = passes();
  run("sleep 4");
  CHECK(passes() - then <= 4);
  const std::string log = agent.log();
  const auto line = log.substr(log.find("not mended"), 60);
  CHECK(log.find(line) == log.rfind(line));
}

TEST_CASE("control evpn with a list: strangers are not listened to, and a peer that FRR does not know is named",
          "[overlay][list][evpn]") {
  const Cluster cluster(3);
  json conf = layer2(1, 2, "isolated", {{"control", "evpn"}});
  cluster.add(1, conf);
  CHECK_THAT(cluster.node(1).must_exec("nft list set inet trestle peer-trflat"), Contains("192.0.2.12 counter"));
  const Ran probed = cluster.command(1, "overlay probe {}", conf);
  CHECK_FALSE(probed.ok());
  CHECK_THAT(probed.out, Contains("FRR has told the kernel nothing of it") || Contains("refuses UDP port"));
  cluster.node(1).must_exec("nft flush set inet trestle peer-trflat; ip link show lo");
  CHECK_THAT(cluster.command(1, "check").out, Contains("peer-trflat"));
  CHECK(cluster.command(1, "repair").ok());
  CHECK_THAT(cluster.node(1).must_exec("nft list set inet trestle peer-trflat"), Contains("192.0.2.12 counter"));
  conf["overlay"]["local"] = "2001:db8::/64";
  conf["overlay"]["peers"] = json::array();
  CHECK_THAT(refused(cluster, 2, conf), Contains("FRR takes IPv4 tunnel ends alone"));
  cluster.del(1, layer2(1, 2, "isolated", {{"control", "evpn"}}));
  CHECK(cluster.left(1) == "");
}

TEST_CASE("layer 3: a peer's subnet within a network of the host, or of another switch, is refused",
          "[overlay][list]") {
  const Cluster cluster(1);
  cluster.node(1).must_exec(
      "ip link add mgmt type bridge && ip addr add 172.16.0.1/24 dev mgmt && ip link set mgmt up");
  json list = peers(2);
  list[1]["subnets"] = {"10.51.2.0/24", "172.16.0.128/25"};
  CHECK_THAT(refused(cluster, 1, layer3(2, {{"peers", list}})),
             Contains("has addresses of this host's own network 172.16.0.0/24"));
  cluster.node(1).must_exec("ip link del mgmt && ip link show lo");
  json plain = layer3(2, json::object(), "nat");
  plain.erase("overlay");
  plain["name"] = "plain";
  plain["subnets"] = {"10.77.0.0/24"};
  cluster.add(1, plain);
  const Pod more("m");
  list[1]["subnets"] = {"10.77.0.2/32"};
  const Ran ran = cluster.command(1, "add {} --netns m --ifname eth0", layer3(2, {{"peers", list}}));
  CHECK_FALSE(ran.ok());
  CHECK_THAT(ran.err, Contains("this host's own network 10.77.0.0/24"));
  cluster.del(1, plain);
}
