// CHECK after one outside change to what the modes beside nat, uplinks, VLANs, ports and protections are made of: exactly one line, which names
// it; repair makes it again; and without a change CHECK says nothing. (check_changes.cpp has what every network is made of, shape.cpp the rates.)
#include <catch2/catch.hpp>

#include "nat_guest.h"
#include "publish_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

enum class Needs { nothing, vlans, bonds };

struct Change {
  const char* command;  // $LINK: the host link, $MAC: the pod's, $BOND: the one that was made
  const char* told;
  bool mends = true;
};

struct Kind {
  const char* what;
  json conf;
  std::vector<Change> changes;
  Needs needs = Needs::nothing;
};

json on_uplink(const json& uplink, const json& members = json::object()) {
  json conf = demo_with({{"mode", "bridge"}, {"uplink", uplink}});
  conf["ipam"] = {{"ranges", {{{{"subnet", "198.51.100.0/24"}, {"rangeStart", "198.51.100.9"}}}}}};
  conf.erase("subnets");
  conf.update(members);
  return conf;
}

json published() {
  return publishing({mapping(8080, 7, "tcp"),
                     mapping(8053, 7, "udp"),
                     {{"hostPort", 8081}, {"containerPort", 7}, {"protocol", "tcp"}, {"hostIP", "203.0.113.1"}}});
}

std::vector<Kind> kinds() {
  return {
      {"published ports",
       published(),
       {{"nft delete element inet trestle dnat4 { tcp . 8080 }", "8080/tcp -> 10.88.0.2:7: is gone from map dnat4"},
        {"nft delete element inet trestle dnat6 { udp . 8053 }", "8053/udp -> [fd88::2]:7: is gone from map dnat6"},
        {"nft delete element inet trestle dnat4ip { 203.0.113.1 . tcp . 8081 }",
         "203.0.113.1:8081/tcp -> 10.88.0.2:7: is gone from map dnat4ip"},
        {"nft delete element inet trestle target4 { 10.88.0.2 . udp . 7 }", "is gone from set target4"},
        {"nft delete element inet trestle target6 { fd88::2 . udp . 7 }", "is gone from set target6"},
        {"nft delete element inet trestle hairpin { trdemo }", "inet hairpin: \"trdemo\""},
        {"nft flush chain inet trestle hairpin-trdemo", "hairpin-trdemo"},
        {"nft flush chain inet trestle publish", "publish"},
        {"nft flush chain inet trestle martians", "martians"},
        {"bridge link set dev $LINK hairpin off", "other flags: hairpin"},
        {"sysctl -qw net.ipv4.conf.trdemo.route_localnet=0", "net/ipv4/conf/trdemo/route_localnet = 1: is 0"}}},
      {"the port's lock",
       demo_with(json::object()),
       {{"bridge fdb del $MAC dev $LINK master", "static FDB entry $MAC: is gone"},
        {"bridge link set dev $LINK locked off", "other flags: locked"}}},
      {"a wider guard",
       demo_with({{"allowedMACs", {"02:00:5e:00:01:07"}}, {"allowedAddresses", {"10.99.0.0/16", "fd99::9"}}}),
       {{"nft delete element bridge trestle mac { $LINK . 02:00:5e:00:01:07 }", "02:00:5e:00:01:07: is gone"},
        {"nft delete element bridge trestle net4 { $LINK . 10.99.0.0/16 }", "net4: \"$LINK\" . 10.99.0.0/16"},
        {"nft delete element bridge trestle addr6 { $LINK . fd99::9 }", "addr6: \"$LINK\" . fd99::9"}}},
      {"routed, its sources and its neighbours",
       demo_with({{"mode", "routed"}, {"uplink", "nic1"}, {"proxyArp", true}, {"portIsolation", true}}),
       {{"ip neigh del proxy 10.88.0.2 dev nic1", "10.88.0.2"},
        {"ip neigh del proxy fd88::2 dev nic1", "fd88::2"},
        {"sysctl -qw net.ipv6.conf.nic1.proxy_ndp=0", "net/ipv6/conf/nic1/proxy_ndp = 1: is 0"},
        {"nft delete element inet trestle routed { trdemo }", "inet routed: \"trdemo\""},
        {"nft delete element inet trestle up-trdemo { nic1 }", "inet up-trdemo: \"nic1\""},
        {"nft flush chain inet trestle leave-trdemo", "leave-trdemo"},
        {"bridge link set dev $LINK isolated off", "other flags: isolated"}}},
      {"isolated",
       demo_with({{"mode", "isolated"}}),
       {{"nft delete element bridge trestle nohost { $LINK }", "bridge nohost: \"$LINK\""},
        {"nft flush chain bridge trestle output", "output"},
        {"nft delete element inet trestle input { trdemo }", "inet input: \"trdemo\""},
        {"nft flush chain inet trestle input-trdemo", "input-trdemo"},
        {"sysctl -qw net.ipv6.conf.trdemo.disable_ipv6=0", "net/ipv6/conf/trdemo/disable_ipv6 = 1: is 0"}}},
      {"an uplink",
       on_uplink("nic1"),
       {{"ip link set nic1 nomaster", "host:nic1: uplink of trdemo: is no port of"},
        {"ip link set nic1 down", "host:nic1: uplink of trdemo: is down"},
        {"bridge link set dev nic1 isolated on", "host:nic1: uplink of trdemo: other flags: isolated"},
        {"bridge link set dev nic1 flood off mcast_flood off bcast_flood off", "other flags: flood"},
        {"bridge link set dev nic1 learning off", "other flags: learning"},
        {"bridge link set dev nic1 locked on", "other flags: locked"},
        {"bridge link set dev nic1 state 0", "host:nic1: uplink of trdemo: other flags: state"},
        {"bridge link set dev $LINK bcast_flood off", "other flags: flood"},
        {"nft delete element bridge trestle ports { $LINK }", "bridge ports: \"$LINK\""},
        {"ip link set trdemo address 02:00:00:00:00:98", "MAC is 02:00:00:00:00:98"}}},
      {"an address that was taken",
       on_uplink({{"links", {"nic2"}}, {"takeAddresses", true}}),
       {{"ip addr del 198.51.100.7/24 dev trdemo", "the host's address 198.51.100.7/24 is not on trdemo"}}},
      {"a VLAN",
       on_uplink("nic1", {{"vlan", 42}}),
       {{"bridge vlan del dev $LINK vid 42", "VLAN 42"},
        {"bridge vlan add dev $LINK vid 42", "VLAN 42 is not its untagged one"},
        {"bridge vlan del dev nic1 vid 42", "VLAN 42"},
        {"bridge vlan del dev nic1 vid 1", "host:nic1: uplink of trdemo: VLAN 1 is not its untagged one"}},
       Needs::vlans},
      {"a trunk",
       on_uplink("nic1", {{"vlanTrunk", {{{"minID", 100}, {"maxID", 110}}}}}),
       {{"bridge vlan del dev $LINK vid 105", "VLAN 105"},
        {"bridge vlan del dev nic1 vid 110", "VLAN 110"},
        {"nft delete element bridge trestle trunkports { $LINK }", "bridge trunkports: \"$LINK\""}},
       Needs::vlans},
      {"a gateway in a VLAN",
       demo_with({{"vlan", 42}}),
       {{"bridge vlan del dev trdemo vid 42 self", "VLAN 42"}},
       Needs::vlans},
      {"a bond",
       on_uplink({{"links", {"nic1", "nic3"}}, {"bond", "active-backup"}}),
       {{"ip link set nic3 nomaster", "nic3 is no member"},
        {"ip link set $BOND mtu 1400", "MTU is 1400, not 1500"},
        {"echo 0 > /sys/class/net/$BOND/bonding/miimon", "miimon 0"},
        {"ip link set nic1 nomaster && ip link set nic3 nomaster && ip link set $BOND down && "
         "ip link set $BOND type bond mode balance-rr && ip link set nic1 down && ip link set nic1 master $BOND && "
         "ip link set nic3 down && ip link set nic3 master $BOND && ip link set $BOND up",
         "mode is balance-rr, not active-backup"},
        {"ip link set $BOND nomaster", "is no port of trdemo"}},
       Needs::bonds},
  };
}

bool lacking(const Kind& kind) {
  const bool vlans = kind.needs == Needs::vlans && !kernel_has_vlan_filtering();
  const bool bonds = kind.needs == Needs::bonds && !kernel_has_bonding();
  if (vlans || bonds) lacks(std::string(kind.what) + ": this kernel has no " + (vlans ? "VLAN filtering" : "bonding"));
  return vlans || bonds;
}

std::string filled(std::string text, const std::string& link, const std::string& mac) {
  const std::string bond = "$(ls -d /sys/class/net/*/bonding | cut -d/ -f5)";
  for (const auto& [word, value] :
       {std::pair{std::string("$LINK"), link}, {std::string("$MAC"), mac}, {std::string("$BOND"), bond}})
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word))
      text.replace(at, word.size(), value);
  return text;
}

}  // namespace

TEST_CASE("CHECK names the one thing of a mode that a foreign hand changed, and repair mends it", "[modes][check]") {
  for (const Kind& kind : kinds()) {
    if (lacking(kind)) continue;
    if (in_vm() && kind.needs == Needs::nothing) continue;  // the host's kernel shows it, ten times as fast
    Node node;
    must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
    for (const char* n : {"1", "2", "3"})
      must_run(std::string("ip link add nic") + n + " type veth peer name far" + n + " && ip link set nic" + n +
               " up && ip link set far" + n + " up && ip link show nic" + n + " && ip link show far" + n);
    if (std::string(kind.what) == "published ports") must_run("ip addr add 203.0.113.1/24 dev nic1");
    must_run("ip addr add 198.51.100.7/24 dev nic2");
    node.settle();
    const Pod pod("a");
    const Answer added = node.must_add(pod, kind.conf);
    for (const Change& change : kind.changes) {
      const std::string link = host_link_of(added), command = filled(change.command, link, mac_of(added));
      CAPTURE(kind.what, command);
      const Answer quiet = node.check(pod, added, kind.conf);
      REQUIRE(told(quiet) == "0 ");
      must_run(command);
      const Answer checked = node.check(pod, added, kind.conf);
      CHECK(checked.code() == 105);
      const std::string details = checked.json.value("details", "");
      CHECK_THAT(details, Contains(filled(change.told, link, mac_of(added))));
      CHECK(details.find('\n') == std::string::npos);
      const Ran repaired = node.command({"repair"});
      CAPTURE(repaired.out, repaired.err);
      CHECK(repaired.ok() == change.mends);
      if (node.check(pod, added, kind.conf).ok()) continue;
      CHECK(told(node.check(pod, added, kind.conf)) == "");
      break;
    }
    node.must_del(pod, kind.conf);
    CHECK(node.command({"uplink", "release"}).ok());
    must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding; echo 0 > /proc/sys/net/ipv6/conf/nic1/proxy_ndp");
    CAPTURE(kind.what);
    CHECK(node.left() == kNothing);
  }
}
