// The host beside its pods. Layer 2 under "nat" and "routed": it is a station of the segment, with an address and a MAC of its own, and the gateway
// stays each node's. And its firewall.
#include <fcntl.h>

#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// What comes out of that node's tunnel in the gateway's name.
void watch_gateway(const Cluster& cluster, int n) {
  const Pod& node = cluster.node(n);
  const std::string mac = node.must_exec("ip -br link show trflat | awk '{print $3}'").substr(0, 17);
  const std::string link_local = node.must_exec("ip -6 -br addr show trflat | grep -o 'fe80[^/]*' | tr -d '\\n'");
  std::string rules =
      "add table netdev seen; add chain netdev seen in { type filter hook ingress device vx43 priority -500; }";
  for (const std::string& what :
       {"ether saddr " + mac, "ether daddr " + mac, "arp saddr ether " + mac, std::string("arp saddr ip 10.52.0.1"),
        std::string("arp daddr ip 10.52.0.1"), "ip6 saddr " + link_local, std::string("ip6 saddr fd52::1"),
        std::string("icmpv6 type nd-neighbor-solicit @th,64,128 0xfd520000000000000000000000000001")})
    rules += "; add rule netdev seen in " + what + " counter";
  node.must_exec("nft '" + rules + "' && nft list table netdev seen");
}

std::string crossed(const Cluster& cluster, int n) {
  return cluster.node(n).exec("nft list table netdev seen | grep 'counter packets [1-9]'").out;
}

// br_netfilter leads bridged frames by the host's chains and its connection tracking; by default, where it is loaded.
void filter_bridged(const Cluster& cluster, int nodes, bool on) {
  for (int n = 1; n <= nodes; ++n)
    cluster.node(n).exec(std::string("for f in iptables ip6tables; do echo ") + (on ? "1" : "0") +
                         " > /proc/sys/net/bridge/bridge-nf-call-$f; done");
}

void forget_neighbours(const Cluster& cluster, int nodes) {
  for (int n = 1; n <= nodes; ++n)
    for (const Pod* one : {&cluster.pod(n), &cluster.node(n)})
      one->must_exec("ip neigh flush all; ip -6 neigh flush all; ip link show lo");
}

}  // namespace

TEST_CASE("layer 2: every host reaches the pods of all nodes from its own address; nothing of the gateway's crosses",
          "[overlay][host]") {
  // All ARP and ND of the host was kept from the tunnel, and it spoke from the gateway's address, which is each node's own.
  const auto [mode, bridge_filters] =
      GENERATE(table<std::string, bool>({{"nat", false}, {"routed", false}, {"nat", true}, {"routed", true}}));
  CAPTURE(mode, bridge_filters);
  const Cluster cluster(3);
  filter_bridged(cluster, 3, bridge_filters);
  for (int n = 1; n <= 3; ++n) cluster.add(n, layer2(n, 3, mode));
  for (int n = 1; n <= 3; ++n) watch_gateway(cluster, n);
  forget_neighbours(cluster, 3);
  for (int from = 1; from <= 3; ++from)
    for (int to = 1; to <= 3; ++to)
      for (const std::string& prefix : {std::string("10.52.0."), std::string("fd52::")}) {
        CAPTURE(from, to, prefix);
        CHECK(ping(cluster.node(from).netns(), prefix + std::to_string(to) + "0") == Reach::connected);
        CHECK(ping(cluster.pod(from).netns(), prefix + std::to_string(to) + "0") == Reach::connected);
      }
  const Echo echo(cluster.pod(2).netns()), local(cluster.pod(1).netns());
  for (const auto& [pod, own] : {std::pair("10.52.0.20", "10.52.0.19"), {"fd52::20", "fd52::19"}}) {
    CHECK(tcp_talk(cluster.node(1).netns(), pod, 7).seen() == own);
    CHECK(udp_talk(cluster.node(1).netns(), pod, 7).seen() == own);
  }
  CHECK(tcp_talk(cluster.node(1).netns(), "10.52.0.10", 7).reach == Reach::connected);
  CHECK(cluster.node(1).exec("ping -n -c 1 -W 1 -M do -s 1422 10.52.0.20").ok());
  // And back: a pod reaches the host of another node by that address, and its gateway is its own node.
  for (const char* address : {"10.52.0.19", "fd52::19", "10.52.0.1", "fd52::1"}) {
    CAPTURE(address);
    CHECK(ping(cluster.pod(2).netns(), address) == Reach::connected);
  }
  // A machine that comes here from another node knows us by the MAC that we have there.
  const std::string mac = cluster.pod(2).must_exec("ip neigh show 10.52.0.19 | grep -o '02:[0-9a-f:]*' | tr -d '\\n'");
  cluster.pod(1).must_exec("ip neigh replace 10.52.0.19 lladdr " + mac + " dev eth0 nud permanent && ip neigh show");
  CHECK(ping(cluster.pod(1).netns(), "10.52.0.19") == Reach::connected);
  for (int n = 1; n <= 3; ++n) {
    CHECK(crossed(cluster, n) == "");
    cluster.node(n).must_exec("nft delete table netdev seen; nft list tables");
  }
  for (int n = 1; n <= 3; ++n) CHECK_THAT(cluster.command(n, "check").out, Contains("as configured"));
  for (int n = 1; n <= 3; ++n) cluster.del(n, layer2(n, 3, mode));
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("layer 2, routed: what the router sends to the wrong node arrives", "[overlay][host]") {
  // There is one subnet on all nodes: a router knows one way to it.
  const Cluster cluster(2);
  filter_bridged(cluster, 2, GENERATE(false, true));
  for (int n = 1; n <= 2; ++n) cluster.add(n, layer2(n, 2, "routed"));
  must_run(
      "ip route add 10.52.0.0/24 via 192.0.2.11 && ip -6 route add fd52::/64 via 2001:db8::11 && ip link show und");
  const Echo echo(cluster.pod(2).netns());
  for (const std::string address : {"10.52.0.10", "10.52.0.20", "fd52::10", "fd52::20"}) {
    CAPTURE(address);
    CHECK(run("ping -n -c 1 -W 3 " + address).ok());
  }
  const auto here = trestle::base::try_open("/proc/self/ns/net", O_RDONLY);
  CHECK(tcp_talk(here, "10.52.0.20", 7).seen() == "192.0.2.1");
  CHECK(tcp_talk(here, "fd52::20", 7).seen() == "2001:db8::1");
  for (int n = 1; n <= 2; ++n) cluster.del(n, layer2(n, 2, "routed"));
}

TEST_CASE("layer 2: the host reaches a VM that moved to another node; hostAccess holds for pods of all nodes",
          "[overlay][host]") {
  const Cluster cluster(3);
  json conf = layer2(1, 3, "nat");
  conf["ipam"] = {{"ranges", {{{{"subnet", "10.52.0.0/24"}}}}}, {"nodeRange", {{"prefix", 26}}}};
  conf["hostAccess"] = false;
  conf["capabilities"] = {{"ips", true}};
  json vm = conf, moved;
  vm["args"]["cni"]["vm"] = "db";
  cluster.add(1, conf);
  const std::string address = cluster.add(2, vm).front();
  // Not by a raw socket: node 3, which has no pod yet, refuses the tunnel's port.
  const auto reaches = [&](int n) { return cluster.node(n).exec("ping -n -c 1 -W 3 " + address).ok(); };
  CHECK(reaches(1));
  moved = vm;
  moved["runtimeConfig"]["ips"] = {address + "/24"};
  CHECK(cluster.add(3, moved).front() == address);
  cluster.del(2, vm);
  static_cast<void>(ping(cluster.pod(3).netns(), "10.52.0.250", 200));  // a machine's own first frame tells where it is
  CHECK(reaches(1));
  CHECK(reaches(3));
  CHECK(ping(cluster.pod(3).netns(), "10.52.0.63", 500) != Reach::connected);  // node 1's own
  // No pod is given what another node keeps for itself.
  json asks = conf;
  asks["runtimeConfig"]["ips"] = {"10.52.0.127/24"};
  const Pod more("m");
  CHECK_FALSE(cluster.command(1, "add {} --netns m --ifname eth0", asks).ok());
  cluster.del(1, conf);
  cluster.del(3, moved);
  for (int n = 1; n <= 3; ++n) CHECK(cluster.left(n) == "");
}

TEST_CASE("a firewall of the host's that keeps the peers out is named, with the command that lets them in",
          "[overlay][faults][firewall]") {
  const Cluster cluster(2);
  for (int n = 1; n <= 2; ++n) cluster.add(n, layer3(2));
  const Pod& node = cluster.node(2);
  node.must_exec(
      "nft 'table inet fw { chain more { udp dport 53 accept; }; chain i { type filter hook input priority 0; policy "
      "drop; ct state established,related accept; tcp dport 22 accept; iifname \"eth0\" jump more; }; }' && nft list "
      "table inet fw");
  const auto told = [&] { return cluster.command(2, "check").err + cluster.command(2, "status {}", layer3(2)).err; };
  const std::string remedy = "nft insert rule inet fw i udp dport 4789 accept";
  const std::string before = told();
  CHECK_THAT(before, Contains("drops what other nodes send to the tunnel vx42"));
  CHECK(before.find(remedy) != before.rfind(remedy));  // by both
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2", 500) != Reach::connected);
  const std::string rule =
      GENERATE("udp dport 4789 accept", "ip saddr 192.0.2.11 accept", "ip saddr 192.0.2.0/24 accept",
               "iifname eth0 accept", "udp dport '{ 53, 4789 }' accept");
  CAPTURE(rule);
  node.must_exec("nft insert rule inet fw i " + rule + " && nft list table inet fw");
  CHECK_THAT(told(), !Contains("drops what other nodes"));
  CHECK(ping(cluster.pod(1).netns(), "10.51.2.2") == Reach::connected);
  for (int n = 1; n <= 2; ++n) cluster.del(n, layer3(2));
}
