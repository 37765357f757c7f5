// Why is a peer not reached? Each cause is named, on both layers.
#include <catch2/catch.hpp>

#include "net/ip.h"
#include "overlay_agent.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json with_list(json conf, const json& list) {
  conf["overlay"]["peers"] = list;
  return conf;
}

json without_subnets(json list) {
  for (json& peer : list) peer.erase("subnets");
  return list;
}

// On node 2, before what Trestle's own tables do.
void drop_there(const Cluster& cluster, const std::string& what, const std::string& verdict = "drop") {
  cluster.node(2).must_exec(
      "nft add table inet wall && nft add chain inet wall in '{ type filter hook input priority -300; }' && "
      "nft add rule inet wall in " +
      what + " " + verdict);
}

std::string finding(const Cluster& cluster, const json& conf) {
  const Ran ran = cluster.command(1, "overlay peers {} --json", conf);
  return json::parse(ran.out).at(0).at("probe");
}

std::string told(const Cluster& cluster, const json& conf) { return cluster.command(1, "overlay probe {}", conf).out; }

}  // namespace

TEST_CASE("layer 3: why a peer is not reached is named", "[overlay][probe]") {
  const bool v6 = GENERATE(false, true);
  CAPTURE(v6);
  const Cluster cluster(2);
  const json conf = with_list(layer3(2), peers(2, v6));
  cluster.add(1, conf);
  SECTION("nobody listens there") {
    CHECK_THAT(told(cluster, conf), Contains("refuses UDP port 4789"));
    CHECK(finding(cluster, conf) == "no tunnel");
  }
  SECTION("a pod is there") {
    cluster.add(2, conf);
    CHECK_THAT(told(cluster, conf), Contains("a full frame of " + std::string(v6 ? "1430" : "1450")));
    CHECK(finding(cluster, conf) == "ok");
    SECTION("the port is dropped") {
      drop_there(cluster, "udp dport 4789");
      CHECK_THAT(told(cluster, conf),
                 Contains("nothing comes through the tunnel") && Contains("is blocked on the way"));
    }
    SECTION("the port is rejected") {
      drop_there(cluster, "udp dport 4789", "reject");
      CHECK_THAT(told(cluster, conf), Contains("refuses UDP port 4789") && Contains("a firewall rejects it"));
    }
    SECTION("full frames are dropped") {
      drop_there(cluster, "udp dport 4789 udp length '>' 1200");
      CHECK_THAT(told(cluster, conf), Contains("small frames come through") && Contains("smaller \"mtu\""));
      CHECK(finding(cluster, conf) == "small frames only");
    }
    SECTION("the node is down") {
      cluster.node(2).must_exec("ip link set eth0 down");
      CHECK_THAT(told(cluster, conf), Contains("does not answer: it is down"));
      CHECK(finding(cluster, conf) == "no answer");
    }
  }
  SECTION("it has another VNI") {
    json other = conf;
    other["overlay"]["vni"] = 45;
    cluster.add(2, other);
    CHECK_THAT(told(cluster, conf), Contains("another VNI than 42"));
  }
  SECTION("we are not in its list") {
    cluster.add(2, with_list(layer3(2), peers(1, v6, 2)));
    CHECK_THAT(told(cluster, conf), Contains("we are not in its list of peers"));
  }
}

TEST_CASE("layer 2: the agents answer each other through the tunnel, and what keeps them from it is named",
          "[overlay][probe][layer2]") {
  const auto [v6, mode] = GENERATE(table<bool, std::string>({{false, "bridge"}, {true, "nat"}}));
  CAPTURE(v6, mode);
  const Cluster cluster(2);
  const auto conf_of = [&, v6 = v6, mode = mode](int n) {
    return with_list(layer2(n, 2, mode), without_subnets(peers(2, v6)));
  };
  cluster.add(1, conf_of(1));
  SECTION("nobody listens there") {
    CHECK_THAT(told(cluster, conf_of(1)), Contains("refuses UDP port 4789"));
    CHECK(finding(cluster, conf_of(1)) == "no tunnel");
  }
  SECTION("a pod and no agent is there") {
    cluster.add(2, conf_of(2));
    CHECK_THAT(told(cluster, conf_of(1)), Contains("no 'trestle agent' runs there"));
    CHECK(finding(cluster, conf_of(1)) == "node answers");
  }
  SECTION("an agent is there") {
    cluster.add(2, conf_of(2));
    const Agent agent(cluster, 2, conf_of(2));
    REQUIRE(becomes_true([&] { return finding(cluster, conf_of(1)) == "ok"; }));
    CHECK_THAT(told(cluster, conf_of(1)), Contains("a full frame of " + std::string(v6 ? "1430" : "1450")));
    SECTION("the port is dropped") {
      drop_there(cluster, "udp dport 4789");
      CHECK_THAT(told(cluster, conf_of(1)), Contains("UDP port 4789 is blocked on the way"));
    }
    SECTION("full frames are dropped") {
      drop_there(cluster, "udp dport 4789 udp length '>' 1200");
      CHECK(finding(cluster, conf_of(1)) == "small frames only");
    }
    SECTION("the node is down") {
      cluster.node(2).must_exec("ip link set eth0 down");
      CHECK(finding(cluster, conf_of(1)) == "no answer");
    }
    SECTION("what it is asked reaches no pod") {
      Wire pod(cluster.pod(2).netns(), "eth0"), tunnel(cluster.node(1).netns(), "vx43");
      CHECK(finding(cluster, conf_of(1)) == "ok");
      CHECK(tunnel.wait_for("trestle\1!", 100));
      CHECK_FALSE(pod.wait_for("trestle\1", 100));
    }
    SECTION("a pod cannot have it answer") {
      Wire pod(cluster.pod(1).netns(), "eth0"), tunnel(cluster.node(1).netns(), "vx43");
      const std::string asker = trestle::net::Ip::parse(v6 ? "2001:db8::11" : "192.0.2.11").bytes();
      std::string body = std::string("trestle\1?") + '\0' + static_cast<char>(asker.size()) + asker;
      body.resize(64);
      const std::string mac =
          cluster.pod(1).must_exec("ip -br link show eth0 | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}'").substr(0, 17);
      pod.send(ethernet("01:80:c2:00:00:0e", mac, 0x88B5, body));
      pod.send(ethernet("ff:ff:ff:ff:ff:ff", mac, 0x88B5, body));
      CHECK_FALSE(tunnel.wait_for("trestle\1!", 300));
    }
  }
}

TEST_CASE("agents ask each other on layer 2, tell what changed once, and count it", "[overlay][probe][agent]") {
  const Cluster cluster(2);
  const json conf = layer2(1, 2, "isolated"), far = layer2(2, 2, "isolated");
  cluster.add(1, conf);
  cluster.add(2, far);
  const Agent second(cluster, 2, far, "--interval 1");
  const Agent first(cluster, 1, conf, "--interval 1 --metrics-port 9754 --probe-interval 1");
  CHECK(becomes_true([&] {
    return first.metrics().find("trestle_overlay_peers_reached{network=\"flat\"} 1\n") != std::string::npos;
  }));
  CAPTURE(first.log(), first.metrics());
  CHECK_THAT(first.metrics(), Contains("trestle_overlay_peers_asked{network=\"flat\"} 1\n"));
  drop_there(cluster, "udp dport 4789");
  REQUIRE(becomes_true([&] { return first.log().find("is blocked on the way") != std::string::npos; }));
  CHECK_THAT(first.metrics(), Contains("trestle_overlay_peers_reached{network=\"flat\"} 0\n"));
  cluster.node(2).must_exec("nft delete table inet wall");
  CHECK(becomes_true([&] { return first.log().find("a full frame of 1450") != std::string::npos; }));
  const std::string log = first.log();
  CHECK(log.find("is blocked") == log.rfind("is blocked"));
}

TEST_CASE("where no list names them, the peers are those that the tunnel has found", "[overlay][probe][multicast]") {
  const Cluster cluster(2);
  const json overlay = {{"control", "multicast"}, {"group", "239.1.1.1"}, {"local", "eth0"}};
  const json conf = layer2(1, 2, "isolated", overlay), far = layer2(2, 2, "isolated", overlay);
  cluster.add(1, conf);
  const auto second = cluster.add(2, far);
  REQUIRE(ping(cluster.pod(1).netns(), second.front(), 3000) == Reach::connected);
  CHECK_THAT(told(cluster, conf), Contains("192.0.2.12: the node answers"));
  REQUIRE(ping(cluster.pod(2).netns(), "10.52.0.10", 3000) == Reach::connected);
  const Agent agent(cluster, 2, far, "--interval 1");
  CHECK(becomes_true([&] { return finding(cluster, conf) == "ok"; }));
}
