// Mode bridge as its neighbours on the LAN see it: two hosts with one configuration, a bridge of somebody else's, pods kept apart.
#include <catch2/catch.hpp>
#include <set>
#include <utility>

#include "nat_guest.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json on_lan(const json& members = json::object()) {
  json conf = demo_with({{"mode", "bridge"}, {"uplink", "nic0"}});
  conf.erase("subnets");
  conf["ipam"] = {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}};
  conf.update(members);
  return conf;
}

// A host on the LAN's switch with one NIC, nic0, and its own state; the plugin is called there as its runtime would.
class Host {
 public:
  Host(const Node& node, int number) : node_(node), netns_(new_netns()), number_(std::to_string(number)) {
    must_run("ip link add port" + number_ + " type veth peer name nic0 netns \"/proc/$PPID/fd/" +
             std::to_string(netns_.get()) + "\" && ip link set port" + number_ + " master lan0 up");
    const Inside inside(netns_);
    must_run(
        "ip link set lo up; echo 0 > /proc/sys/net/ipv6/conf/nic0/accept_dad; ip link set nic0 up; ip link show nic0");
  }
  const trestle::base::Fd& netns() const { return netns_; }
  void address() const {
    const Inside inside(netns_);
    must_run("ip addr add 192.0.2." + number_ + "/24 dev nic0");
  }
  std::string ip() const { return "192.0.2." + number_; }
  Answer call(const std::string& verb, const Pod& pod, json conf, const std::string& wanted) const {
    const Inside inside(netns_);
    conf["runtimeConfig"]["ips"] = {wanted};
    return plugin({verb, pod.name(), "eth0", pod.path(), conf, {{"TRESTLE_STATE_DIR", node_.state() + "-" + number_}}});
  }
  std::string mac_of_switch() const {
    const Inside inside(netns_);
    return json::parse(must_run("ip -j link show trdemo")).at(0).at("address");
  }
  std::string mac_of_nic() const {
    const Inside inside(netns_);
    return json::parse(must_run("ip -j link show nic0")).at(0).at("address");
  }
  std::string links() const {
    const Inside inside(netns_);
    return must_run("ip -o link | grep -vE ' (lo|nic0)[:@]' || true");
  }
  void release() const {
    const Inside inside(netns_);
    CHECK(trestle_command({"uplink", "release", "--state-dir", node_.state() + "-" + number_}).ok());
  }

 private:
  const Node& node_;
  trestle::base::Fd netns_;
  std::string number_;
};

// Of so many echoes in a quick row none is lost.
void check_lossless(const trestle::base::Fd& from, const std::string& to) {
  const Inside inside(from);
  CAPTURE(to);
  CHECK_THAT(run("ping -q -c 60 -i 0.01 -W 2 " + to).out, Contains("60 packets transmitted, 60 received"));
}

std::string without_timers(const std::string& commands) {
  return must_run("{ " + commands + "; } | sed -E 's/[a-z_]+_timer +[0-9.]+//g'");
}

// All that somebody may have set up on the bridge "br0" and its port "nic0".
std::string foreign_state() {
  return without_timers("ip -d link show br0; ip -d link show nic0; bridge -d link show dev nic0") +
         must_run("ip addr show dev br0 | grep inet; ip route show dev br0") +
         run("bridge vlan show dev nic0; bridge vlan show dev br0; bridge mdb show dev br0 | grep -v veth").out +
         run("grep -r . /proc/sys/net/ipv4/conf/br0 /proc/sys/net/ipv6/conf/br0 /proc/sys/net/ipv6/conf/nic0").out;
}

}  // namespace

TEST_CASE("two hosts on one LAN with the same configuration reach each other without loss", "[modes][bridge][hosts]") {
  const bool takes = GENERATE(false, true);
  CAPTURE(takes);
  Node node;
  must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
  must_run("ip link add lan0 type bridge && ip link set lan0 up");
  {
    const Host one(node, 11), two(node, 12);
    if (takes)
      for (const Host* host : {&one, &two}) host->address();
    const json conf = takes ? on_lan({{"uplink", {{"links", {"nic0"}}, {"takeAddresses", true}}}}) : on_lan();
    const Pod a("a"), b("b"), c("c");
    const Answer added_a = one.call("ADD", a, conf, "192.0.2.101"), added_b = two.call("ADD", b, conf, "192.0.2.102"),
                 added_c = two.call("ADD", c, conf, "192.0.2.103");
    CAPTURE(told(added_a), told(added_b), told(added_c));
    REQUIRE((added_a.ok() && added_b.ok() && added_c.ok()));
    // One MAC twice on a LAN and its switch sends to the wrong port: so that of the switch is its NIC's, and a pod's its address's.
    CHECK(one.mac_of_switch() == one.mac_of_nic());
    CHECK(two.mac_of_switch() == two.mac_of_nic());
    CHECK(std::set<std::string>{one.mac_of_switch(), two.mac_of_switch(), mac_of(added_a), mac_of(added_b),
                                mac_of(added_c)}
              .size() == 5);
    for (const auto& [from, to] :
         {std::pair{&a, "192.0.2.102"}, {&a, "192.0.2.103"}, {&b, "192.0.2.101"}, {&b, "192.0.2.103"}})
      check_lossless(from->netns(), to);
    if (takes) {
      check_lossless(one.netns(), two.ip());
      check_lossless(one.netns(), "192.0.2.102");
      check_lossless(b.netns(), one.ip());
      check_lossless(c.netns(), two.ip());
    }
    CHECK(one.call("DEL", a, conf, "192.0.2.101").ok());
    check_lossless(b.netns(), "192.0.2.103");  // the other host's pods do not notice
    CHECK(two.call("DEL", b, conf, "192.0.2.102").ok());
    CHECK(two.call("DEL", c, conf, "192.0.2.103").ok());
    if (takes)
      for (const Host* host : {&one, &two}) host->release();
    if (takes) check_lossless(one.netns(), two.ip());
    CHECK(one.links() == "");
    CHECK(two.links() == "");
  }
  for (const char* state : {"-11", "-12"}) run("rm -rf " + node.state() + state);
}

TEST_CASE("a bridge of somebody else's is the same before, while and after it has pods", "[modes][bridge][foreign]") {
  Node node;
  must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
  must_run(
      "ip link add nic0 type veth peer name far0 && ip link set nic0 up && ip link set far0 up && "
      "ip link add br0 type bridge ageing_time 12000 forward_delay 400 mcast_snooping 0 && ip link set nic0 master br0 "
      "&& "
      "bridge link set dev nic0 cost 77 mcast_flood on && ip link set br0 up && ip addr add 192.0.2.9/24 dev br0 && "
      "ip link show nic0 && ip link show far0 && ip link show br0");
  if (kernel_has_vlan_filtering())
    must_run("ip link set br0 type bridge vlan_filtering 1 && bridge vlan add dev nic0 vid 300");
  node.settle();
  const std::string before = foreign_state();
  json conf = on_lan({{"bridge", "br0"}});
  conf.erase("uplink");
  const Guest a(node, "a", conf), b(node, "b", conf);
  CHECK(foreign_state() == before);
  check_reaches(a.netns(), b.ip4(), a.ip4());
  CHECK(ping(a.netns(), "192.0.2.9") == Reach::connected);
  must_run("nft flush ruleset");
  CHECK(node.command({"repair"}).ok());
  CHECK(foreign_state() == before);
  // A port of another MTU would give it that one.
  const Pod pod("c");
  for (const int mtu : {1400, 9000}) {
    json other = conf;
    other["mtu"] = mtu;
    const Answer refused = node.add(pod, other);
    CAPTURE(told(refused));
    CHECK(refused.code() == 7);
    CHECK_THAT(refused.json.value("msg", ""), Contains("not ours to change"));
  }
  CHECK(foreign_state() == before);
  a.leave();
  CHECK(node.gc(json::array()).ok());
  CHECK(foreign_state() == before);
  leave_nothing(node, {});
}

TEST_CASE("portIsolation on the LAN: pods of one switch are apart, also after a flush, and both reach the LAN",
          "[modes][bridge][isolation]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  Node node;
  must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  must_run("ip link add lan0 type bridge && ip link set lan0 up && ip addr add 192.0.2.9/24 dev lan0");
  must_run("ip link add nic0 type veth peer name port0 && ip link set nic0 up && ip link set port0 master lan0 up");
  must_run("bridge link set dev port0 learning off");  // what it learns would be a change
  must_run("ip link show nic0 && ip link show port0");
  node.settle();
  const json conf = on_lan({{"portIsolation", true}});
  const Guest a(node, "a", conf), b(node, "b", conf);
  for (const bool flushed : {false, true}) {
    CAPTURE(flushed);
    if (flushed) must_run("nft flush ruleset");
    for (const auto& [from, to] : {std::pair{&a, &b}, {&b, &a}}) {
      CHECK(ping(from->netns(), to->ip4(), 300) != Reach::connected);
      CHECK(udp_talk(from->netns(), to->ip4(), kEcho, 300).reach != Reach::connected);
      CHECK(ping(from->netns(), "192.0.2.9") == Reach::connected);
    }
  }
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a router of the LAN that is known by its link-local address stays the router", "[modes][lan]") {
  Node node;
  const Lan lan(node.host());
  must_run("ip addr flush dev uplink0 scope global; ip addr show dev uplink0");
  node.settle();
  json conf = demo_with(
      {{"mode", "bridge"},
       {"uplink", "uplink0"},
       {"ipam",
        {{"ranges", {{{{"subnet", "2001:db8::/64"}, {"rangeStart", "2001:db8::100"}, {"gateway", "fe80::1"}}}}},
         {"routes", {{{"dst", "::/0"}}}}}}});
  conf.erase("subnets");
  const Guest a(node, "a", conf);
  const std::string guarded = must_run("nft list set bridge trestle theirs6");
  CHECK_THAT(guarded, Contains(a.host_link()) && Contains("fe80::1"));
  Wire there(lan.netns(), "eth0"), pod(a.netns(), "eth0");
  const auto advert = [&](const std::string& from) {
    pod.send(ethernet("33:33:00:00:00:01", a.mac(), kEthIp6,
                      ip6(from, "ff02::1", 58, neighbour_message(136, 0x20000000, from, a.mac()), 255)));
  };
  advert("fe80::1");
  CHECK_FALSE(
      there.wait([&](const Frame& seen) { return seen.bytes.find(ip_bytes("fe80::1")) != std::string::npos; }, 300));
  advert("fe80::77");  // its own, for all that is known
  CHECK(
      there.wait([&](const Frame& seen) { return seen.bytes.find(ip_bytes("fe80::77")) != std::string::npos; }, 1000));
  leave_nothing(node, {&a});
}

TEST_CASE("bridge: the MAC of the switch or of its uplink is given to no pod, however it asks",
          "[modes][bridge][mac]") {
  // The host was lost to its LAN, after the pod's DEL too: the pod's static FDB entry had taken the place of the switch's own.
  const bool own_bridge = GENERATE(false, true), tap = GENERATE(false, true);
  CAPTURE(own_bridge, tap);
  Node node;
  make_wire("uplink1", "far1");
  if (own_bridge)
    must_run("ip link add br-lan type bridge && ip link set br-lan up && ip link set uplink1 master br-lan");
  node.settle();
  json conf = demo_with({{"mode", "bridge"}, {"capabilities", {{"mac", true}}}});
  conf.erase("subnets");
  if (own_bridge)
    conf["bridge"] = "br-lan";
  else
    conf["uplink"] = "uplink1";
  const Guest a(node, "a", conf);
  const std::string mac =
      json::parse(must_run(std::string("ip -j link show ") + (own_bridge ? "br-lan" : "uplink1")))[0].at("address");
  json taking = conf;
  taking["runtimeConfig"]["mac"] = mac;
  if (tap) taking["device"] = "tap";
  const std::string entries = "bridge fdb show | grep -i " + mac + " | sort", before = must_run(entries);
  const Answer refused = node.add(Pod("b"), taking);
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused), Catch::Contains(mac));
  CHECK(must_run(entries) == before);
  a.leave();
  CHECK(node.records().empty());
}

TEST_CASE("bridge: the host's own LAN address is no pod's, asked for or not", "[modes][bridge][spare]") {
  Node node;
  make_wire("uplink1", "far1");
  must_run(
      "ip link add br-lan address 02:aa:bb:cc:dd:01 type bridge && ip link set br-lan addrgenmode none && ip link set "
      "br-lan up && ip addr add 10.88.0.2/16 "
      "dev br-lan");
  node.settle();
  json conf = demo_with({{"mode", "bridge"}, {"bridge", "br-lan"}, {"capabilities", {{"ips", true}}}});
  const Guest a(node, "a", conf);
  CHECK(a.ip4() == "10.88.0.3");
  CHECK_THAT(node.command({"plan", "-"}, conf.dump()).out, !Catch::Contains("10.88.0.2/16"));
  conf["runtimeConfig"]["ips"] = {"10.88.0.2/16"};
  const Answer refused = node.add(Pod("b"), conf);
  CHECK_FALSE(refused.ok());
  CHECK_THAT(told(refused), Catch::Contains("10.88.0.2"));
  a.leave();
  CHECK(node.records().empty());  // the bridge, which was without a carrier, is another one since
}
