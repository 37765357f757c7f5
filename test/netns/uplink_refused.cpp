// Uplinks that cannot be ports of a switch, each with its reason, and nothing is changed.
#include <catch2/catch.hpp>

#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct Case {
  const char* before;  // what makes the NIC unfit
  json uplink;
  int code;
  const char* says;
};

json taking() { return {{"links", {"uplink0"}}, {"takeAddresses", true}}; }

}  // namespace

TEST_CASE("an uplink that cannot lend its addresses is refused with the reason, and keeps everything", "[uplink]") {
  const auto one = GENERATE(values<Case>({
      {"true", "uplink0", 7, "carries the host's address 192.0.2.2/24"},
      {"ip addr add 192.0.2.9/24 dev uplink0 valid_lft 500 preferred_lft 400", taking(), 7,
       "192.0.2.9/24 has a lifetime"},
      {"ip -6 addr add 2001:db8::9/64 dev uplink0 valid_lft 500 preferred_lft 400", taking(), 7,
       "2001:db8::9/64 has a lifetime"},
      {"ip addr add 192.0.2.9 peer 192.0.2.99 dev uplink0", taking(), 7, "has a peer"},
      {"ip route add 198.51.100.0/24 via 192.0.2.1 proto dhcp", taking(), 7,
       "198.51.100.0/24 via 192.0.2.1: a DHCP client renews it"},
      {"ip -6 route add 2001:db8:7::/64 via 2001:db8::1 proto ra", taking(), 7, "router advertisements renew it"},
      {"ip route add 198.51.100.0/24 via 192.0.2.1 mtu 1400", taking(), 7, "an MTU or window of its own"},
      {"ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip addr add 203.0.113.1/24 "
       "dev d0 && "
       "ip route add 198.51.100.0/24 nexthop via 192.0.2.1 nexthop via 203.0.113.2",
       taking(), 7, "by several links"},
      {"ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip route add "
       "198.51.100.0/24 via 192.0.2.1 "
       "metric 5 && "
       "ip route append 198.51.100.0/24 dev d0 metric 5",
       taking(), 7, "another link has one with the same metric"},
      {"ip link add br9 type bridge && ip link set uplink0 master br9", taking(), 103, "is a port of br9"},
      {"ip link add br9 type bridge", {{"links", {"br9"}}}, 7, "is a bridge itself"},
      {"mkdir -p /run/NetworkManager/devices && printf '[device]\\nmanaged=true\\n' > "
       "/run/NetworkManager/devices/$(cat /sys/class/net/uplink0/ifindex)",
       taking(), 7, "is managed by NetworkManager"},
      {"mkdir -p /run/systemd/netif/links && printf 'ADMIN_STATE=configured\\n' > "
       "/run/systemd/netif/links/$(cat /sys/class/net/uplink0/ifindex)",
       taking(), 7, "is managed by systemd-networkd"},
      {"ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev uplink0 nud permanent", taking(), 7,
       "neighbour 192.0.2.77 is a permanent entry"},
      {"ip rule add iif uplink0 lookup 55", taking(), 7, "a policy rule (ip rule) names it"},
      {"true", "nic7", 7, "the host has no such NIC"},
      {"ip link add d0 type veth peer name d1 && ip addr add 203.0.113.1/24 dev d0",
       {{"links", {"uplink0", "d0"}}, {"bond", "active-backup"}, {"takeAddresses", true}},
       7,
       "both carry addresses"},
  }));
  CAPTURE(one.before);
  Node node;
  const Lan lan(node.host());
  must_run(one.before);
  node.settle();
  const std::string before = host_state();
  const Pod pod("a");
  const Answer refused = node.add(pod, lan_conf({{"uplink", one.uplink}}));
  CHECK(refused.code() == one.code);
  CHECK_THAT(told(refused), Contains(one.says));
  CHECK(host_state() == before);
  CHECK(node.left() == kNothing);
  must_run("rm -rf /run/NetworkManager /run/systemd/netif");
}

TEST_CASE("an ADD that is refused after the host's addresses moved gives them back", "[uplink][refused]") {
  Node node;
  const Lan lan(node.host());
  make_wire("uplink1", "far1");
  node.settle();
  const std::string before = host_state();
  const json conf =
      lan_conf({{"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}, {"takeAddresses", true}}}});
  const Ran planned = node.command({"plan", "-"}, conf.dump());
  const auto at = planned.out.find("bond");
  REQUIRE(at != std::string::npos);
  std::string bond;
  for (std::size_t from = at; from != std::string::npos && bond.size() != 15; from = planned.out.find("bond", from + 1))
    bond = planned.out.substr(from, planned.out.find_first_not_of("abcdef0123456789ond", from) - from);
  CAPTURE(planned.out, planned.err, bond);
  must_run("ip link add " + bond + " type bridge && ip link show " + bond);  // or the kernel has no bonds
  const Answer refused = node.add(Pod("a"), conf);
  CAPTURE(told(refused));
  CHECK_FALSE(refused.ok());
  must_run("ip link del " + bond + "; ls /run");
  CHECK(host_state() == before);
  check_host_lives(lan);
  CHECK(node.left() == kNothing);
}
