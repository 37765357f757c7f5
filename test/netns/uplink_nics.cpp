// One NIC of the host and several networks that want it; and what the operator does to a switch on which the host lives.
#include <catch2/catch.hpp>

#include "uplink_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json leaving_by(const char* nic, const json& members = json::object()) {
  json conf = demo_with({{"name", "out"}, {"uplink", nic}, {"subnets", {"10.90.0.0/24"}}});
  conf.update(members);
  return conf;
}

}  // namespace

TEST_CASE("a NIC is a port of a switch or the way out of a network: the second is refused and says what to do",
          "[uplink][nics]") {
  // Both were accepted, and the pods that left by the NIC had no way out any more.
  const bool routed = GENERATE(false, true), lan_first = GENERATE(false, true);
  CAPTURE(routed, lan_first);
  Node node;
  const Lan lan(node.host());
  node.settle();
  const json members = routed ? json{{"mode", "routed"}} : json::object();
  const json out = leaving_by(Lan::kUplink, members), first = lan_first ? lan_conf() : out,
             second = lan_first ? out : lan_conf();
  {
    const Guest a(node, "a", first);
    const std::string before = host_state();
    const Answer refused = node.add(Pod("b"), second);
    CHECK(refused.code() == 103);
    CHECK_THAT(told(refused), Contains("NIC uplink0") && Contains("give 'out'") && Contains("trdemo"));
    CHECK(host_state() == before);
    if (!lan_first) {
      if (!routed) CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
    } else {  // the remedy
      const Guest b(node, "b", leaving_by("trdemo", members));
      if (!routed) CHECK(ping(b.netns(), Lan::kOutside4) == Reach::connected);
      a.leave();
      const Ran held = node.command({"uplink", "release"});
      CHECK_FALSE(held.ok());
      CHECK_THAT(held.err, Contains("'out'"));
      b.leave();
    }
    if (!lan_first) a.leave();
  }
  node.command({"uplink", "release"});
  CHECK(node.left() == kNothing);
}

TEST_CASE("a bond does not take the NIC of another network", "[uplink][nics][bond]") {
  // The refused ADD had taken it already, and with takeAddresses the host was off its LAN.
  Node node;
  const Lan lan(node.host());
  make_wire("uplink1", "far1");
  node.settle();
  {
    const Guest a(node, "a", lan_conf());
    const json bonded =
        lan_conf({{"name", "bonded"}, {"uplink", {{"links", {"uplink0", "uplink1"}}, {"bond", "active-backup"}}}});
    const Answer refused = node.add(Pod("b"), bonded);
    CHECK(refused.code() == 103);
    CHECK_THAT(told(refused), Contains("uplink0") && Contains("port of"));
    CHECK_THAT(must_run("ip link show uplink0"), Contains("master trdemo"));
    check_host_lives(lan);
    a.leave();
  }
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("a host that was renumbered on its switch keeps the new address alone", "[uplink][renumbered]") {
  // The next ADD put the old one back, which may be another machine's by then.
  const std::string by = GENERATE("add", "repair");
  CAPTURE(by);
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", lan_conf());
  must_run(
      "ip addr del 192.0.2.2/24 dev trdemo && ip addr add 192.0.2.9/24 dev trdemo && ip addr show dev trdemo && ip "
      "route replace default via 192.0.2.1 dev trdemo");
  CHECK(told(node.check(a.pod(), a.added(), lan_conf())) == "0 ");
  const auto at = [] { return must_run("ip -4 -br addr show dev trdemo"); };
  if (by == "add") {
    const Guest b(node, "b", lan_conf());
    CHECK_THAT(at(), Contains("192.0.2.9/24") && !Contains("192.0.2.2/24"));
    b.leave();
  } else {
    CHECK(node.command({"repair"}).ok());
    CHECK_THAT(at(), Contains("192.0.2.9/24") && !Contains("192.0.2.2/24"));
  }
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK_THAT(must_run("ip -4 -br addr show dev uplink0"), Contains("192.0.2.9/24") && !Contains("192.0.2.2/24"));
}

TEST_CASE("a switch that went down for a moment: the host's default routes come back with the next ADD or repair",
          "[uplink][flap]") {
  const std::string by = GENERATE("add", "repair");
  CAPTURE(by);
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", lan_conf());
  must_run("ip link set trdemo down && ip link set trdemo up && ip link show trdemo");
  CHECK(node.check(a.pod(), a.added(), lan_conf()).code() == 105);
  if (by == "add") {
    const Guest b(node, "b", lan_conf());
    b.leave();
  } else {
    CHECK(node.command({"repair"}).ok());
  }
  CHECK_THAT(must_run("ip route show default; ip -6 route show default"),
             Contains("via 192.0.2.1 dev trdemo") && Contains("via 2001:db8::1 dev trdemo"));
  wait_settled();
  check_host_lives(lan);
  CHECK(told(node.check(a.pod(), a.added(), lan_conf())) == "0 ");
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("an address that another hand puts on the port again is told, and taken off", "[uplink][again]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a", lan_conf());
  must_run("ip addr add 192.0.2.2/24 dev uplink0 && ip addr show dev uplink0");
  CHECK_THAT(told(node.check(a.pod(), a.added(), lan_conf())), Contains("192.0.2.2/24 is on uplink0 again"));
  CHECK(node.command({"repair"}).ok());
  CHECK(must_run("ip -o -4 addr show dev uplink0").empty());
  CHECK(told(node.check(a.pod(), a.added(), lan_conf())) == "0 ");
  check_host_lives(lan);
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("takeAddresses: deprecated addresses, labels and a link-local address of the operator's go along",
          "[uplink][address]") {
  Node node;
  const Lan lan(node.host());
  must_run(
      "ip addr add 192.0.2.7/24 label uplink0:1 dev uplink0 && ip -6 addr add 2001:db8::99/64 dev uplink0 nodad "
      "preferred_lft 0 valid_lft forever && ip -6 addr add fe80::1/64 dev uplink0 nodad && ip addr show dev uplink0");
  node.settle();
  const auto of = [](const std::string& link) { return run("ip -o addr show dev " + link).out; };
  const std::string before = of("uplink0"), source = must_run("ip -6 route get 2001:db8::1 | grep -o 'src [^ ]*'");
  const Guest a(node, "a", lan_conf());
  const std::string there = of("trdemo");
  CHECK_THAT(there, Contains("fe80::1/64") && Contains("trdemo:1") && Contains("2001:db8::99/64"));
  CHECK_THAT(there, Contains("deprecated"));
  CHECK(must_run("ip -6 route get 2001:db8::1 | grep -o 'src [^ ]*'") == source);
  a.leave();
  CHECK(node.command({"uplink", "release"}).ok());
  CHECK_THAT(of("uplink0"), Contains("fe80::1/64") && Contains("uplink0:1") && Contains("deprecated"));
  CHECK(must_run("ip -6 route get 2001:db8::1 | grep -o 'src [^ ]*'") == source);
}

TEST_CASE("the host's firewall names the NIC: takeAddresses is refused until it names the switch, too",
          "[uplink][firewall]") {
  // An operator was locked out of his host without a word.
  const std::string match = GENERATE("iifname uplink0", "iifname { uplink0, lo }", "iifname up*");
  CAPTURE(match);
  Node node;
  const Lan lan(node.host());
  must_run("nft 'table inet fw { chain i { type filter hook input priority 0; policy drop; " + match +
           " accept; }; }' && nft list ruleset");
  node.settle();
  const std::string before = host_state();
  const Answer refused = node.add(Pod("a"), lan_conf());
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains("chain inet fw i has a rule for it by name") && Contains("trdemo"));
  CHECK(host_state() == before);
  must_run("nft add rule inet fw i iifname trdemo accept && nft list ruleset");
  {
    const Guest a(node, "a", lan_conf());
    check_host_lives(lan);
    a.leave();
  }
  CHECK(node.command({"uplink", "release"}).ok());
}

TEST_CASE("a switch on which the host lives stays, though another hand changed its group, or put the address there",
          "[uplink][lives]") {
  const std::string how = GENERATE("group", "by hand");
  CAPTURE(how);
  Node node;
  const Lan lan(node.host());
  node.settle();
  json conf = lan_conf();
  if (how == "by hand") {
    must_run(
        "ip addr flush dev uplink0 scope global && ip -6 addr flush dev uplink0 scope global; ip link show uplink0");
    conf["uplink"] = Lan::kUplink;
  }
  {
    const Guest a(node, "a", conf);
    if (how == "group")
      must_run("ip link set trdemo group 0 && ip link show trdemo");
    else
      must_run("ip addr add 192.0.2.2/24 dev trdemo && ip addr show dev trdemo");
    a.leave();
  }
  CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
  CHECK_THAT(node.command({"uplink"}).out, Contains("uplink0 on switch trdemo: 192.0.2.2/24"));
  const Ran released = node.command({"uplink", "release"});
  CAPTURE(released.out, released.err);
  CHECK(released.ok());
  CHECK_THAT(must_run("ip -o -4 addr show dev uplink0"), Contains("192.0.2.2/24"));
  CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
  CHECK(run("ip link show trdemo").out.empty());
}

TEST_CASE("a switch with another's port stays with its uplink until that port is gone", "[uplink][foreign]") {
  // It was left in place without its uplink: the other's machine was off the LAN.
  Node node;
  const Lan lan(node.host());
  must_run("ip addr flush dev uplink0 scope global; ip link show uplink0");
  node.settle();
  json conf = lan_conf();
  conf["uplink"] = Lan::kUplink;
  {
    const Guest a(node, "a", conf);
    must_run("ip link add other type veth peer name theirs && ip link set other master trdemo && ip link show other");
    a.leave();
  }
  CHECK_THAT(must_run("ip link show uplink0"), Contains("master trdemo"));
  must_run("ip link del other; ip link show");
  CHECK(node.gc(json::array()).ok());
  CHECK(run("ip link show trdemo").out.empty());
  CHECK_THAT(must_run("ip link show uplink0"), !Contains("master"));
}
