// CHECK after one outside change: exactly one line of details, which names what was changed; and repair makes it again.
#include <catch2/catch.hpp>

#include "base/text.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

struct Change {
  const char* what;
  const char* command;  // $LINK: the host link
  const char* told;
  bool mends = true;
};

std::string with_link(std::string text, const std::string& link) {
  for (std::size_t at = text.find("$LINK"); at != std::string::npos; at = text.find("$LINK")) text.replace(at, 5, link);
  return text;
}

const Change kLinks[] = {
    {"pod's IPv4 address", "ip -n c1 addr del 10.88.0.2/16 dev eth0", "pod:eth0: address 10.88.0.2/16: is gone"},
    {"pod's IPv6 address", "ip -n c1 addr del fd88::2/64 dev eth0", "pod:eth0: address fd88::2/64: is gone"},
    {"pod's IPv4 address with another prefix",
     "ip -n c1 addr del 10.88.0.2/16 dev eth0 && ip -n c1 addr add 10.88.0.2/24 dev eth0", "10.88.0.2/16"},
    {"pod's IPv4 route", "ip -n c1 route del default", "pod:eth0: route 0.0.0.0/0 via 10.88.0.1: is gone"},
    {"pod's IPv6 route", "ip -n c1 -6 route del default", "pod:eth0: route ::/0 via fd88::1: is gone"},
    {"pod's route by another gateway", "ip -n c1 route replace default via 10.88.0.9",
     "pod:eth0: route 0.0.0.0/0 via 10.88.0.1", false},  // what stands in its place is another's, and not taken away
    {"pod's link down", "ip -n c1 link set eth0 down", "pod:eth0: up: is down"},
    {"host link down", "ip link set $LINK down", "host:$LINK: up: is down"},
    {"switch down", "ip link set trdemo down", "host:trdemo: up: is down"},
    {"out of the switch", "ip link set $LINK nomaster", "is no port of trdemo"},
    {"into another switch", "ip link add alien type bridge && ip link set $LINK master alien", "is no port of trdemo"},
    {"pair deleted on the host", "ip link del $LINK", "host:$LINK: veth"},
    {"pair deleted in the pod", "ip -n c1 link del eth0", "host:$LINK: veth"},
    {"switch deleted", "ip link del trdemo", "host:trdemo: bridge"},
    {"pod's MTU too small for IPv6", "ip -n c1 link set eth0 mtu 1000", "MTU of the pod end is 1000, not 1500"},
    {"host link's MTU", "ip link set $LINK mtu 1400", "MTU of the host end is 1400, not 1500"},
    {"switch's MTU", "ip link set trdemo mtu 1400", "host:trdemo: bridge"},
    {"pod's MAC", "ip -n c1 link set eth0 address 02:00:00:00:00:99", "MAC of the pod end is 02:00:00:00:00:99"},
    {"switch's MAC", "ip link set trdemo address 02:00:00:00:00:98", "MAC is 02:00:00:00:00:98"},
    // CHECK said nothing of these three
    {"switch's spanning tree", "ip link set trdemo type bridge stp_state 1", "host:trdemo: bridge"},
    {"host's IPv4 route to the switch", "ip route del 10.88.0.0/16 dev trdemo",
     "the host has no route to 10.88.0.0/16"},
    {"host's IPv6 route to the switch", "ip -6 route del fd88::/64 dev trdemo", "the host has no route to fd88::/64"},
    {"IPv4 gateway", "ip addr del 10.88.0.1/16 dev trdemo", "host:trdemo: address 10.88.0.1/16: is gone"},
    {"IPv6 gateway", "ip addr del fd88::1/64 dev trdemo", "host:trdemo: address fd88::1/64: is gone"},
    {"port flag hairpin", "bridge link set dev $LINK hairpin on", "other flags: hairpin"},
    {"port flag isolated", "bridge link set dev $LINK isolated on", "other flags: isolated"},
    {"port flag guard", "bridge link set dev $LINK guard off", "other flags: guard"},
};

const Change kSysctls[] = {
    {"IPv4 forwarding", "sysctl -qw net.ipv4.ip_forward=0", "net/ipv4/ip_forward = 1: is 0"},
    {"IPv6 forwarding", "sysctl -qw net.ipv6.conf.all.forwarding=0", "net/ipv6/conf/all/forwarding = 1: is 0"},
    {"advertisements on the switch", "sysctl -qw net.ipv6.conf.trdemo.accept_ra=1",
     "net/ipv6/conf/trdemo/accept_ra = 0: is 1"},
    {"advertisements in the pod", "ip netns exec c1 sysctl -qw net.ipv6.conf.eth0.accept_ra=1",
     "pod: sysctl net/ipv6/conf/eth0/accept_ra = 0: is 1"},
    {"IPv6 of the pod", "ip netns exec c1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1",
     "pod: sysctl net/ipv6/conf/eth0/disable_ipv6"},
    {"IPv6 of the switch", "sysctl -qw net.ipv6.conf.trdemo.disable_ipv6=1",
     "host: sysctl net/ipv6/conf/trdemo/disable_ipv6"},
    {"sysctl.d file removed", "rm /run/sysctl.d/90-trestle-*", "host: file /run/sysctl.d/90-trestle-trdemo"},
    {"sysctl.d file changed", "echo >> $(ls /run/sysctl.d/90-trestle-*)", "host: file /run/sysctl.d/90-trestle-trdemo"},
};

const Change kRuleset[] = {
    {"element: who is attached, inet", "nft delete element inet trestle at-trdemo { $LINK }",
     "inet at-trdemo: \"$LINK\""},
    {"element: who is attached, bridge", "nft delete element bridge trestle at-trdemo { $LINK }",
     "bridge at-trdemo: \"$LINK\""},
    {"port stopped",
     "until ip -br link show $LINK | grep -q ' UP '; do sleep 0.05; done; bridge link set dev $LINK state 0",
     "other flags: state"},
    {"port learns", "ip link set $LINK type bridge_slave learning on", "other flags: learning"},
    {"port is not flooded to", "ip link set $LINK type bridge_slave mcast_flood off", "other flags: flood"},
    {"element: MAC",
     "nft delete element bridge trestle mac { $LINK . $(ip -n c1 -j link show eth0 | grep -o '02:[0-9a-f:]*' | head "
     "-1) }",
     "bridge mac: \"$LINK\""},
    {"element: IPv4", "nft delete element bridge trestle addr4 { $LINK . 10.88.0.2 }",
     "bridge addr4: \"$LINK\" . 10.88.0.2"},
    {"element: IPv6", "nft delete element bridge trestle addr6 { $LINK . fd88::2 }",
     "bridge addr6: \"$LINK\" . fd88::2"},
    {"element: guarded ports", "nft delete element bridge trestle ports { $LINK }", "bridge ports: \"$LINK\""},
    {"element: the switch's own", "nft delete element inet trestle if-trdemo { trdemo }", "inet if-trdemo: \"trdemo\""},
    {"element: IPv4 prefix", "nft delete element inet trestle net4-trdemo { 10.88.0.0/16 }",
     "inet net4-trdemo: 10.88.0.0/16"},
    {"element: IPv6 prefix", "nft delete element inet trestle net6-trdemo { fd88::/64 }",
     "inet net6-trdemo: fd88::/64"},
    {"element: switches", "nft delete element inet trestle switches { trdemo }", "inet switches: \"trdemo\""},
    {"element: leaving", "nft delete element inet trestle leave { trdemo }", "inet leave: \"trdemo\""},
    {"element: entering", "nft delete element inet trestle enter { trdemo }", "inet enter: \"trdemo\""},
    {"element: masquerade", "nft delete element inet trestle masq { trdemo }", "inet masq: \"trdemo\""},
    {"element: gateways", "nft flush set bridge trestle gateways", "bridge gateways: fe80::"},
    {"a rule of the switch",
     "nft delete rule inet trestle enter-trdemo handle $(nft -a list chain inet trestle enter-trdemo | sed -n "
     "'s/.*handle //p' | sed -n 3p)",
     "enter-trdemo"},
    {"a rule of all",
     "nft delete rule inet trestle forward handle $(nft -a list chain inet trestle forward | sed -n 's/.*handle //p' | "
     "tail -1)",
     "forward"},
    {"a rule of the guard",
     "nft delete rule bridge trestle guard handle $(nft -a list chain bridge trestle guard | sed -n 's/.*handle //p' | "
     "tail -1)",
     "guard"},
    {"a rule more, in front", "nft insert rule inet trestle enter-trdemo drop", "enter-trdemo"},
    {"a chain flushed", "nft flush chain inet trestle masq-trdemo", "masq-trdemo"},
    {"a base chain flushed", "nft flush chain inet trestle postrouting", "postrouting"},
    {"a set flushed", "nft flush set bridge trestle mac", "bridge mac: \"$LINK\""},
    {"table inet deleted", "nft delete table inet trestle", "nftables table trestle is gone"},
    {"table bridge deleted", "nft delete table bridge trestle", "nftables table trestle is gone"},
    {"ruleset flushed", "nft flush ruleset", "nftables table trestle is gone"},
};

void each(const Change* begin, const Change* end) {
  const Node node;
  const Pod pod("c1");
  for (const Change* change = begin; change != end; ++change) {
    CAPTURE(change->what);
    const Answer added = node.must_add(pod, demo_with({{"runtimeConfig", {{"ips", {"10.88.0.2", "fd88::2"}}}}}));
    const std::string link = host_link_of(added);
    REQUIRE(told(node.check(pod, added)) == "0 ");
    must_run(with_link(change->command, link));
    const Answer checked = node.check(pod, added);
    CHECK(checked.code() == 105);
    const std::string details = checked.json.value("details", "");
    CHECK_THAT(details, Contains(with_link(change->told, link)));
    CHECK(details.find('\n') == std::string::npos);
    const Ran repaired = node.command({"repair"});
    CAPTURE(repaired.out, repaired.err);
    CHECK(repaired.ok() == change->mends);
    CHECK(node.check(pod, added).ok() == change->mends);
    node.must_del(pod);
    must_run("ip link del alien 2>/dev/null || true");
    CHECK(node.left() == kNothing);
  }
}

}  // namespace

TEST_CASE("CHECK names the one link, address or route that a foreign hand changed, and repair mends it", "[check]") {
  each(std::begin(kLinks), std::end(kLinks));
}

TEST_CASE("CHECK names the one sysctl or file that a foreign hand changed, and repair mends it", "[check]") {
  each(std::begin(kSysctls), std::end(kSysctls));
}

TEST_CASE("CHECK names the one rule, set or element that a foreign hand changed, and repair mends it", "[check]") {
  each(std::begin(kRuleset), std::end(kRuleset));
}
