#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "kernel/nft.h"
#include "kernel/nft_text.h"

using namespace trestle;
using kernel::parse_rules;

TEST_CASE("a text of rules becomes tables, sets and chains in its order", "[nft][text]") {
  const plan::Rules rules{"x",
                          "table inet\n"
                          "set s ifname . ipv6_addr\n"
                          "set n ipv4_addr interval\n"
                          "map m inet_proto . inet_service : verdict\n"
                          "\n"
                          "chain c nat postrouting -10\n"
                          "  iifname @s drop\n"
                          "  drop\n"
                          "table bridge\n"
                          "chain d\n"};
  const kernel::NftRuleset ruleset = parse_rules(rules);
  CHECK(ruleset.tables == std::vector{plan::Table::inet, plan::Table::bridge});
  REQUIRE(ruleset.sets.size() == 3);
  REQUIRE(ruleset.sets[0].key.size() == 2);
  CHECK(ruleset.sets[0].key[1]->name == "ipv6_addr");
  CHECK_FALSE(ruleset.sets[0].interval);
  CHECK(ruleset.sets[1].interval);
  CHECK(ruleset.sets[2].verdicts);
  REQUIRE(ruleset.chains.size() == 2);
  REQUIRE(ruleset.chains[0].base);
  CHECK(ruleset.chains[0].base->type == "nat");
  CHECK(ruleset.chains[0].base->hook == 4);
  CHECK(ruleset.chains[0].base->priority == -10);
  REQUIRE(ruleset.chains[0].rules.size() == 2);
  CHECK(ruleset.chains[0].rules[1].line == 8);
  CHECK(ruleset.chains[0].rules[1].text == "drop");
  CHECK_FALSE(ruleset.chains[1].base);
  CHECK(ruleset.chains[1].table == plan::Table::bridge);
}

TEST_CASE("a line that is no rule text is refused by its number", "[nft][text]") {
  const auto line = GENERATE(
      as<std::string>{}, "table ip", "table", "table inet x", "set", "set s", "set s foo", "set s nf_proto",
      "set s ifname .", "set s ifname . ", "set s ifname ipv4_addr", "set  ifname", "map m ifname",
      "set s ipv4_addr interval counter", "map m ifname : verdict counter", "map m ifname : foo",
      "map m ifname : ipv4_addr interval", "map m ipv4_addr interval : verdict", "chain", "chain ", "chain c filter",
      "chain c filter input", "chain c filter input x", "chain c filter input 1x", "chain c route output 1",
      "chain c filter ingress 1", "chain c filter input 1 2", "rule x", " drop", "  drop", "\tdrop", "drop");
  CAPTURE(line);
  CHECK_THROWS_WITH(parse_rules({"x", "table inet\nset a ifname\n" + line + "\n"}),
                    Catch::StartsWith("rules x line 3: "));
}

TEST_CASE("nothing may stand before the first table", "[nft][text]") {
  CHECK_THROWS_AS(parse_rules({"x", "set a ifname\n"}), base::Error);
  CHECK_THROWS_AS(parse_rules({"x", "chain a\n"}), base::Error);
  CHECK_THROWS_AS(parse_rules({"x", "table inet\nchain c\ntable bridge\n  drop\n"}), base::Error);
  CHECK(parse_rules({"x", ""}).tables.empty());
}

TEST_CASE("rules of a newer release, which we cannot make, can still be taken away", "[nft][text]") {
  const plan::Rules newer{"tr0", "table inet\nchain c\n  some new phrase\n"};
  kernel::NftBatch batch;
  CHECK_THROWS_AS(batch.add_rules(newer), base::Error);
  CHECK_NOTHROW(batch.delete_rules(newer));
  CHECK_FALSE(batch.empty());
}

TEST_CASE("the comment of a rule tells which text it is of", "[nft][text]") {
  CHECK(kernel::rules_comment({"a", "table inet\n"}) == "trestle " + base::hex(base::hash64("table inet\n"), 16));
  CHECK(kernel::rules_comment({"a", "table inet\n"}) != kernel::rules_comment({"a", "table bridge\n"}));
}
