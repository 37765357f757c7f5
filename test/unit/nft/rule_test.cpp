#include <catch2/catch.hpp>

#include "base/error.h"
#include "config/netconf.h"
#include "kernel/nft.h"
#include "modes/rules_text.h"
#include "witness.h"

using namespace trestle;
using Lines = std::vector<std::string>;
using plan::Table;
using test::expressions;

namespace {

const std::string kIp6 = "[ cmp eq reg 1 0x0000dd86 ]", kArp = "[ cmp eq reg 1 0x00000608 ]";

plan::Rules inet(const std::string& rule) { return {"n", "table inet\nchain c\n  " + rule + "\n"}; }

}  // namespace

TEST_CASE("a rule says to the kernel what nft says for the same words", "[nft][rule]") {
  struct Case {
    Table table;
    std::string rule;
    Lines expressions;  // as `nft --debug=netlink` prints them
  };
  const auto c = GENERATE(values<Case>({
      {Table::bridge,
       "iifname @ports goto guard",
       {"[ meta load iifname => reg 1 ]", "[ lookup reg 1 set ports ]", "[ immediate reg 0 goto -> guard ]"}},
      {Table::inet, "oifname vmap @enter", {"[ meta load oifname => reg 1 ]", "[ lookup reg 1 set enter dreg 0 ]"}},
      {Table::bridge,
       "iifname . ether saddr != @mac drop",
       {"[ meta load iifname => reg 1 ]", "[ payload load 6b @ link header + 6 => reg 2 ]",
        "[ lookup reg 1 set mac 0x1 ]", "[ immediate reg 0 drop ]"}},
      {Table::bridge,
       "ether type 0x8035 accept",
       {"[ payload load 2b @ link header + 12 => reg 1 ]", "[ cmp eq reg 1 0x00003580 ]",
        "[ immediate reg 0 accept ]"}},
      {Table::bridge,
       "arp saddr ip 0.0.0.0 arp operation request iifname . arp daddr ip @ip4 accept",
       {"[ payload load 2b @ link header + 12 => reg 1 ]", kArp, "[ payload load 4b @ network header + 14 => reg 1 ]",
        "[ cmp eq reg 1 0x00000000 ]", "[ payload load 2b @ network header + 6 => reg 1 ]",
        "[ cmp eq reg 1 0x00000100 ]", "[ meta load iifname => reg 1 ]",
        "[ payload load 4b @ network header + 24 => reg 2 ]", "[ lookup reg 1 set ip4 ]",
        "[ immediate reg 0 accept ]"}},
      {Table::bridge,
       "iifname @ports meta priority set 0x54520000",
       {"[ meta load iifname => reg 1 ]", "[ lookup reg 1 set ports ]", "[ immediate reg 1 0x54520000 ]",
        "[ meta set priority with reg 1 ]"}},
      {Table::inet,
       "meta priority != 0x54520000 drop",
       {"[ meta load priority => reg 1 ]", "[ cmp neq reg 1 0x54520000 ]", "[ immediate reg 0 drop ]"}},
      {Table::inet,
       "ip daddr 224.0.0.0/4 return",
       {"[ meta load nfproto => reg 1 ]", "[ cmp eq reg 1 0x00000002 ]",
        "[ payload load 4b @ network header + 16 => reg 1 ]", "[ bitwise reg 1 = ( reg 1 & 0x000000f0 ) ^ 0x00000000 ]",
        "[ cmp eq reg 1 0x000000e0 ]", "[ immediate reg 0 return ]"}},
      {Table::inet,
       "ip6 daddr ff00::/8 return",
       {"[ meta load nfproto => reg 1 ]", "[ cmp eq reg 1 0x0000000a ]",
        "[ payload load 1b @ network header + 24 => reg 1 ]", "[ cmp eq reg 1 0x000000ff ]",
        "[ immediate reg 0 return ]"}},
      {Table::inet,
       "ip daddr != @net4 masquerade",
       {"[ meta load nfproto => reg 1 ]", "[ cmp eq reg 1 0x00000002 ]",
        "[ payload load 4b @ network header + 16 => reg 1 ]", "[ lookup reg 1 set net4 0x1 ]", "[ masq ]"}},
      {Table::bridge,
       "ip6 daddr fe80::/10 exthdr frag exists drop",
       {"[ meta load protocol => reg 1 ]", kIp6, "[ payload load 16b @ network header + 24 => reg 1 ]",
        "[ bitwise reg 1 = ( reg 1 & 0x0000c0ff 0x00000000 0x00000000 0x00000000 ) ^ 0x00000000 0x00000000 0x00000000 "
        "0x00000000 ]",
        "[ cmp eq reg 1 0x000080fe 0x00000000 0x00000000 0x00000000 ]",
        "[ exthdr load ipv6 1b @ 44 + 0 present => reg 1 ]", "[ cmp eq reg 1 0x00000001 ]",
        "[ immediate reg 0 drop ]"}},
      {Table::bridge,
       "icmpv6 type nd-neighbor-solicit ip6 saddr :: jump guard_nd",
       {"[ meta load protocol => reg 1 ]", kIp6, "[ meta load l4proto => reg 1 ]", "[ cmp eq reg 1 0x0000003a ]",
        "[ payload load 1b @ transport header + 0 => reg 1 ]", "[ cmp eq reg 1 0x00000087 ]",
        "[ payload load 16b @ network header + 8 => reg 1 ]",
        "[ cmp eq reg 1 0x00000000 0x00000000 0x00000000 0x00000000 ]", "[ immediate reg 0 jump -> guard_nd ]"}},
      {Table::bridge,
       "iifname . nd target @ip6 return",
       {"[ meta load iifname => reg 1 ]", "[ payload load 16b @ transport header + 8 => reg 2 ]",
        "[ lookup reg 1 set ip6 ]", "[ immediate reg 0 return ]"}},
      {Table::bridge,
       "udp sport 67 drop",
       {"[ meta load l4proto => reg 1 ]", "[ cmp eq reg 1 0x00000011 ]",
        "[ payload load 2b @ transport header + 0 => reg 1 ]", "[ cmp eq reg 1 0x00004300 ]",
        "[ immediate reg 0 drop ]"}},
      {Table::inet,
       "ct state established,related return",
       {"[ ct load state => reg 1 ]", "[ bitwise reg 1 = ( reg 1 & 0x00000006 ) ^ 0x00000000 ]",
        "[ cmp neq reg 1 0x00000000 ]", "[ immediate reg 0 return ]"}},
      {Table::inet,
       "ct status dnat return",
       {"[ ct load status => reg 1 ]", "[ bitwise reg 1 = ( reg 1 & 0x00000020 ) ^ 0x00000000 ]",
        "[ cmp neq reg 1 0x00000000 ]", "[ immediate reg 0 return ]"}},
      {Table::inet,
       "oifname @switches meta l4proto tcp reject with tcp reset",
       {"[ meta load oifname => reg 1 ]", "[ lookup reg 1 set switches ]", "[ meta load l4proto => reg 1 ]",
        "[ cmp eq reg 1 0x00000006 ]", "[ reject type 1 code 0 ]"}},
      {Table::inet, "reject with icmpx admin-prohibited", {"[ reject type 2 code 3 ]"}},
      {Table::bridge,
       "ether saddr set 02:00:00:00:00:01",
       {"[ immediate reg 1 0x00000002 0x00000100 ]",
        "[ payload write reg 1 => 6b @ link header + 6 csum_type 0 csum_off 0 csum_flags 0x0 ]"}},
      {Table::bridge,
       "ip6 saddr fe80::1 ip6 saddr set fd00::1",
       {"[ meta load protocol => reg 1 ]", kIp6, "[ payload load 16b @ network header + 8 => reg 1 ]",
        "[ cmp eq reg 1 0x000080fe 0x00000000 0x00000000 0x01000000 ]",
        "[ immediate reg 1 0x000000fd 0x00000000 0x00000000 0x01000000 ]",
        "[ payload write reg 1 => 16b @ network header + 8 csum_type 0 csum_off 0 csum_flags 0x1 ]"}},
      {Table::bridge,
       "nd lladdr set 02:00:00:00:00:01",
       {"[ immediate reg 1 0x00000002 0x00000100 ]",
        "[ payload write reg 1 => 6b @ transport header + 26 csum_type 1 csum_off 2 csum_flags 0x0 ]"}},
      {Table::bridge, "meta pkttype set host", {"[ immediate reg 1 0x00000000 ]", "[ meta set pkttype with reg 1 ]"}},
      {Table::inet,
       "meta l4proto udp masquerade to :1024-65535",
       {"[ meta load l4proto => reg 1 ]", "[ cmp eq reg 1 0x00000011 ]", "[ immediate reg 1 0x00000004 ]",
        "[ immediate reg 2 0x0000ffff ]", "[ masq proto_min reg 1 proto_max reg 2 flags 0x2 ]"}},
  }));
  CAPTURE(c.rule);
  CHECK(expressions(c.table, c.rule) == c.expressions);
}

TEST_CASE("a reset is only said to TCP, also when the rule forgets to ask", "[nft][rule]") {
  CHECK(expressions(Table::inet, "reject with tcp reset") ==
        expressions(Table::inet, "meta l4proto tcp reject with tcp reset"));
}

TEST_CASE("an address of one family is never compared with a packet of the other", "[nft][rule]") {
  CHECK(expressions(Table::bridge, "ether type ip ip saddr 1.2.3.4 drop").size() == 5);  // said once, not twice
  CHECK_THROWS_AS(expressions(Table::bridge, "ether type arp ip saddr 1.2.3.4 drop"), base::Error);
  CHECK_THROWS_AS(expressions(Table::inet, "tcp dport 80 udp sport 1 drop"), base::Error);
  CHECK_THROWS_AS(expressions(Table::inet, "ip saddr fe80::1 drop"), base::Error);
}

TEST_CASE("what a rule says and we do not understand is refused, with its line", "[nft][rule]") {
  const auto rule = GENERATE(
      as<std::string>{}, "accpet", "accept drop", "iifname eth0 drop", "iifname", "iifname @", "iifname vmap m",
      "iifname . drop", "iifname . ip saddr 1.2.3.4 drop", "ip saddr 1.2.3 drop", "ip saddr set 1.2.3.4",
      "tcp dport set 80", "iifname set @s", "ip saddr 1.2.3.4/33 drop", "ip saddr 1.2.3.4/8 drop",
      "ip saddr 0.0.0.0/0 drop", "ether type foo drop", "vlan id @m drop", "arp saddr ip 1.2.3.4 drop",
      "tcp dport 65536 drop", "tcp dport 0x10000 drop", "tcp dport 0xg drop", "tcp dport -1 drop",
      "ct state established, drop", "ct state != new drop", "jump", "goto  x", "meta l4proto 256 drop",
      "masquerade to :1024-65535", "meta l4proto tcp masquerade to :9-8", "meta l4proto tcp masquerade to 1-2",
      "reject", "icmpv6 type nd-neighbor drop", " drop", "iifname . ip6 saddr . ip6 daddr . ip6 saddr . ip6 daddr @s");
  CAPTURE(rule);
  kernel::NftBatch batch;
  CHECK_THROWS_WITH(batch.add_rules(inet(rule)), Catch::StartsWith("rules n line 3: "));
  CHECK(batch.empty());
}

TEST_CASE("the rules of the modes are understood to the last word", "[nft][rule]") {
  kernel::NftBatch batch;
  CHECK_NOTHROW(batch.add_rules({"tables", modes::tables_text()}));
  config::NetConf conf{.cni_version = "1.1.0", .name = "n", .bridge = net::IfName::parse("tr0")};
  for (const bool all : {true, false})
    for (const bool isolation : {true, false}) {
      conf.host_access.all = all;
      conf.port_isolation = isolation;
      conf.uplink =
          isolation ? std::optional<config::Uplink>() : config::Uplink{{net::IfName::parse("eth1")}, "", false};
      for (const auto text : {modes::nat_text, modes::routed_text, modes::isolated_text})
        CHECK_NOTHROW(batch.add_rules({"tr0", text(conf)}));
      CHECK_NOTHROW(batch.add_rules({"tr0", modes::bridge_text(conf, net::Mac{})}));
    }
  CHECK_FALSE(batch.empty());
}
