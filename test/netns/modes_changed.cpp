// A network's configuration changes while its pods live: each order of going leaves nothing.
#include <catch2/catch.hpp>

#include "nat_guest.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("pods of an older and of a changed configuration, in every order of coming and going", "[modes][changed]") {
  // What the tables of a switch declare differs between the two. What only the one that was in force had declared stayed behind, and held the sets
  // of the other: the last DEL was refused for ever.
  const auto [mode, change] = GENERATE(table<std::string, json>({{"bridge", {{"portIsolation", true}}},
                                                                 {"bridge", {{"spoofCheck", false}}},
                                                                 {"isolated", {{"portIsolation", true}}},
                                                                 {"nat", {{"hostAccess", false}}},
                                                                 {"nat", {{"portIsolation", true}}},
                                                                 {"routed", {{"hostAccess", {"53/udp"}}}}}));
  const bool changed_comes_first = GENERATE(false, true), first_goes_first = GENERATE(false, true);
  CAPTURE(mode, change, changed_comes_first, first_goes_first);
  Node node;
  if (mode == "bridge") make_wire("uplink1", "far1");
  node.settle();
  json older = demo_with({{"mode", mode}});
  if (mode == "bridge") older["uplink"] = "uplink1";
  json changed = older;
  changed.update(change);
  const Guest a(node, "a", changed_comes_first ? changed : older), b(node, "b", changed_comes_first ? older : changed);
  must_run("nft flush ruleset");
  const Ran repaired = node.command({"repair"});
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK(node.command({"check"}).ok());
  const Guest &gone = first_goes_first ? a : b, &stays = first_goes_first ? b : a;
  gone.leave();
  const json& conf = &stays == &a ? (changed_comes_first ? changed : older) : (changed_comes_first ? older : changed);
  const Answer checked = node.check(stays.pod(), stays.added(), conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  stays.leave();
  CHECK(node.left() == kNothing);
}
