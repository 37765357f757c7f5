// Other firewalls of the host: named by STATUS and `trestle check`, with the command that mends it.
#include <catch2/catch.hpp>
#include <chrono>

#include "nat_guest.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

struct Foreign {
  const char *what, *rules, *remedy, *accept;
};

const Foreign kForeign[] = {
    {"Docker",
     "table ip filter { chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }; "
     "chain "
     "DOCKER-USER { }; }",
     "iptables -I DOCKER-USER -i trdemo -j ACCEPT && iptables -I DOCKER-USER -o trdemo -j ACCEPT",
     "nft insert rule ip filter DOCKER-USER iifname trdemo accept"},
    {"ufw",
     "table ip6 filter { chain FORWARD { type filter hook forward priority filter; policy drop; jump ufw6-user; }; "
     "chain ufw6-user { }; }",
     "ufw route allow in on trdemo && ufw route allow out on trdemo",
     "nft add rule ip6 filter ufw6-user iifname trdemo accept"},
    {"firewalld",
     "table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept; ct state "
     "established accept; reject with icmpx admin-prohibited; }; }",
     "firewall-cmd --permanent --zone=trusted --add-interface=trdemo && firewall-cmd --reload",
     "nft insert rule inet firewalld filter_FORWARD iifname trdemo accept"},
    {"another table", "table inet mine { chain through { type filter hook forward priority 5; policy drop; }; }",
     "nft insert rule inet mine through iifname trdemo accept && nft insert rule inet mine through oifname trdemo "
     "accept",
     "nft insert rule inet mine through iifname \"tr*\" accept"},
};

}  // namespace

TEST_CASE("a foreign firewall that drops our packets is named with its own remedy, and only while it does",
          "[modes][firewall]") {
  Node node;
  const Guest a(node, "a");
  for (const Foreign& foreign : kForeign) {
    CAPTURE(foreign.what);
    must_run("nft '" + std::string(foreign.rules) + "'");
    const Ran checked = node.command({"check"});
    CAPTURE(checked.out, checked.err);
    CHECK(checked.ok());  // it may be on purpose
    CHECK_THAT(checked.err, Catch::Contains(foreign.what) && Catch::Contains(foreign.remedy));
    const Answer status = node.status();
    CHECK(status.ok());
    CHECK_THAT(status.err, Catch::Contains(foreign.remedy));
    must_run(foreign.accept);
    CHECK(node.command({"check"}).err == "");
    must_run("nft delete table $(echo '" + std::string(foreign.rules) + "' | cut -d' ' -f2-3)");
  }
  // In the details of a STATUS that fails for another reason.
  must_run("nft '" + std::string(kForeign[0].rules) + "'; ip link set trdemo down");
  const Answer status = node.status();
  CHECK(status.code() == 51);
  CHECK_THAT(status.json.value("details", ""), Catch::Contains(kForeign[0].remedy));
  must_run("nft delete table ip filter; ip link set trdemo up");
  leave_nothing(node, {&a});
}

TEST_CASE("a closed input is named for what it is", "[modes][firewall]") {
  const Node node;
  const Guest a(node, "a");
  must_run("nft 'table ip filter { chain INPUT { type filter hook input priority filter; policy drop; }; }'");
  CHECK_THAT(node.command({"check"}).err,
             Catch::Contains("what pods send to the host") && Catch::Contains("iptables -I INPUT -i trdemo -j ACCEPT"));
  must_run("nft delete table ip filter");
  leave_nothing(node, {&a});
}

TEST_CASE("on a switch without the host only br_netfilter leads frames to foreign chains", "[modes][firewall]") {
  Node node;
  NEEDS_KERNEL(set_bridge_nf(false), "br_netfilter");
  const Guest a(node, "a", demo_with({{"mode", "isolated"}}));
  must_run("nft 'table ip filter { chain FORWARD { type filter hook forward priority filter; policy drop; }; }'");
  CHECK(node.command({"check"}).err == "");
  set_bridge_nf(true);
  CHECK_THAT(node.command({"check"}).err, Catch::Contains("frames between the ports") &&
                                              Catch::Contains("sysctl -w net.bridge.bridge-nf-call-iptables=0"));
  must_run("nft delete table ip filter");
  leave_nothing(node, {&a});
}

TEST_CASE("iptables-legacy's policy is named too", "[modes][firewall]") {
  const Node node;
  SKIP_IF(!run("command -v iptables-legacy").ok(), "iptables-legacy is not installed");
  NEEDS_KERNEL(run("iptables-legacy -P FORWARD DROP").ok(), "tables of iptables-legacy");
  const Guest a(node, "a");
  CHECK_THAT(node.command({"check"}).err, Catch::Contains("iptables-legacy -I FORWARD -i trdemo -j ACCEPT"));
  must_run(
      "iptables-legacy -I FORWARD -i trdemo -j ACCEPT && iptables-legacy -I FORWARD -o trdemo -j ACCEPT && ls /run");
  CHECK(node.command({"check"}).err == "");  // its own remedy
  must_run("iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F; iptables-legacy -A FORWARD -j REJECT; ls /run");
  CHECK_THAT(node.command({"check"}).err, Catch::Contains("iptables-legacy drops forwarded packets"));
  must_run("iptables-legacy -I INPUT -i trdemo -j ACCEPT; ls /run");
  CHECK_THAT(node.command({"check"}).err, Catch::Contains("iptables-legacy drops forwarded packets"));
  must_run(
      "iptables-legacy -N ours; iptables-legacy -A ours -i tr+ -j ACCEPT; iptables-legacy -I FORWARD -j ours; ls /run");
  CHECK(node.command({"check"}).err == "");
  must_run("iptables-legacy -F; iptables-legacy -X; ls /run");
  leave_nothing(node, {&a});
}

TEST_CASE("whose rules name the switch, and whose do not", "[modes][firewall]") {
  struct Rules {
    const char* what;
    const char* text;
    bool named;
  };
  const Rules all[] = {
      {"another chain names it",
       "chain in { type filter hook input priority 0; policy accept; iifname trdemo tcp dport 22 drop; }; "
       "chain f { type filter hook forward priority 0; policy drop; }",
       true},
      {"a rule that drops names it",
       "chain f { type filter hook forward priority 0; policy drop; iifname trdemo drop; }", true},
      {"a last rule leads to an end",
       "chain end { reject; }; chain f { type filter hook forward priority 0; "
       "policy accept; iifname eth9 accept; jump end; }",
       true},
      {"a set lets it pass",
       "set ok { type ifname; elements = { trdemo, eth1 }; }; "
       "chain f { type filter hook forward priority 0; policy drop; iifname @ok accept; }",
       false},
      {"another set does not",
       "set ok { type ifname; elements = { eth1 }; }; "
       "chain f { type filter hook forward priority 0; policy drop; iifname @ok accept; }",
       true},
      {"what ends in an accept drops nothing",
       "chain f { type filter hook forward priority 0; policy drop; ct state established accept; accept; }", false},
      {"nor what leads everything to one",
       "chain rest { counter accept; }; chain f { type filter hook forward priority 0; policy drop; jump rest; }",
       false},
      {"an accept of some is none of all",
       "chain rest { accept; }; chain f { type filter hook forward priority 0; policy drop; iifname eth9 jump rest; "
       "limit rate 1/second accept; }",
       true},
      {"a chain that is led to lets it pass",
       "chain ours { iifname \"tr*\" accept; }; chain f { type filter hook forward priority 0; policy drop; jump "
       "ours; }",
       false},
  };
  Node node;
  const Guest a(node, "a");
  for (const Rules& rules : all) {
    CAPTURE(rules.what);
    must_run("nft 'table inet fw { " + std::string(rules.text) + "; }' && nft list tables");
    const std::string said = node.command({"check"}).err;
    CAPTURE(said);
    CHECK((said.find("drops forwarded packets") != std::string::npos) == rules.named);
    must_run("nft delete table inet fw; nft list tables");
  }
  leave_nothing(node, {&a});
}

TEST_CASE(
    "a foreign rule for all links but ours lets ours not pass; a set may have the name behind an address; many jumps "
    "take no time",
    "[modes][firewall][rules]") {
  Node node;
  const Guest a(node, "a");
  const auto named = [&] { return node.command({"check"}).err.find("nft insert rule inet mine") != std::string::npos; };
  must_run(
      "nft 'table inet mine { chain through { type filter hook forward priority 5; policy drop; iifname != \"trdemo\" "
      "accept; }; }'");
  CHECK(named());
  must_run(
      "nft 'table inet mine { set s { type ipv4_addr . ifname; elements = { 10.88.0.5 . \"trdemo\" }; }; }' && "
      "nft add rule inet mine through ip saddr . iifname @s accept");
  CHECK_FALSE(named());
  must_run("nft delete table inet mine");
  std::string chains = "table inet mine { ";
  for (int n = 14; n >= 0; --n) {  // each reached by five times as many ways as the one before
    chains += "chain c" + std::to_string(n) + " { ";
    for (int jump = 0; jump < 5 && n < 14; ++jump)
      chains += "ip saddr 192.0.2." + std::to_string(jump) + " jump c" + std::to_string(n + 1) + "; ";
    chains += "}; ";
  }
  must_run("nft '" + chains + "chain through { type filter hook forward priority 5; policy drop; jump c0; }; }'");
  const auto began = std::chrono::steady_clock::now();
  CHECK(named());
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  must_run("nft delete table inet mine");
  leave_nothing(node, {&a});
}

TEST_CASE("a firewall that lets addresses pass is told as one that may drop", "[modes][firewall][rules]") {
  const Node node;
  const Guest a(node, "a");
  must_run(
      "nft 'table inet mine { chain through { type filter hook forward priority 5; policy drop; ip saddr 10.88.0.0/16 "
      "accept; ip daddr 10.88.0.0/16 accept; }; }'");
  CHECK_THAT(node.command({"check"}).err,
             Catch::Contains("another table may drop forwarded packets") && Catch::Contains("some of it by address"));
  must_run("nft delete table inet mine");
  leave_nothing(node, {&a});
}

TEST_CASE("a NIC that does not forward, and a switch born on a host whose links do not by default",
          "[modes][firewall]") {
  // The new switch did not, and pods had no outside; CHECK and STATUS found all well.
  Node node;
  const Lan lan(node.host());
  must_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.default.forwarding=0");
  node.settle();
  const json conf = demo_with({{"mode", GENERATE("nat", "routed")}});
  lan.route_to("10.88.0.0/16");
  const Guest a(node, "a", conf);
  CHECK(ping(a.netns(), Lan::kOutside4) == Reach::connected);
  CHECK(node.command({"check"}).err == "");
  must_run("sysctl -qw net.ipv4.conf.trdemo.forwarding=0");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("net/ipv4/conf/trdemo/forwarding = 1: is 0"));
  must_run("sysctl -qw net.ipv4.conf.trdemo.forwarding=1 net.ipv4.conf.uplink0.forwarding=0");
  const std::string remedy = "sysctl -w net.ipv4.conf.uplink0.forwarding=1";
  CHECK_THAT(node.command({"check"}).err, Catch::Contains(remedy));
  CHECK_THAT(node.status(conf).err, Catch::Contains(remedy));
  must_run(remedy);
  CHECK(node.command({"check"}).err == "");
  leave_nothing(node, {&a});
}

TEST_CASE("br_netfilter between pods on the LAN and ports that this host publishes is named, with the remedy",
          "[modes][firewall]") {
  Node node;
  NEEDS_KERNEL(set_bridge_nf(true), "br_netfilter");
  const Lan lan(node.host());
  must_run("ip link add nic1 type veth peer name plug1 && ip link set nic1 up && ip link set plug1 up");
  node.settle();
  json on_lan = other_conf("lan", "192.0.2.0/24", {{"mode", "bridge"}, {"uplink", "nic1"}});
  const std::string said = "do not reach ports that this host publishes",
                    remedy = "net.bridge.bridge-nf-call-iptables=0";
  const Guest a(node, "a", on_lan);
  CHECK(node.command({"check"}).err == "");
  json conf = demo_with({{"capabilities", {{"portMappings", true}}}});
  conf["runtimeConfig"] = {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 7}, {"protocol", "tcp"}}}}};
  const Guest b(node, "b", conf);
  CHECK_THAT(node.command({"check"}).err, Catch::Contains(said) && Catch::Contains(remedy));
  CHECK_THAT(node.status(on_lan).err, Catch::Contains(said) && Catch::Contains(remedy));
  set_bridge_nf(false);
  CHECK(node.command({"check"}).err == "");
  leave_nothing(node, {&a, &b});
}
