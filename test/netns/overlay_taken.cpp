// An overlay beside a network that takes the node's own NIC.
#include <catch2/catch.hpp>

#include "overlay_world.h"

using namespace trestle::test;
using nlohmann::json;

TEST_CASE("a node whose NIC lends its addresses to a switch still finds its tunnel's address", "[overlay][taken]") {
  // Every further ADD was refused: a switch of ours was no link that could hold it.
  const Cluster cluster(2);
  const std::string local = GENERATE("192.0.2.0/24", "192.0.2.11", "");
  CAPTURE(local);
  json conf = layer3(2);
  if (!local.empty()) conf["overlay"]["local"] = local;
  cluster.add(1, conf);
  cluster.add(2, layer3(2));
  const json lan{{"cniVersion", "1.1.0"},
                 {"name", "lan"},
                 {"type", "trestle"},
                 {"mode", "bridge"},
                 {"uplink", {{"links", {"eth0"}}, {"takeAddresses", true}}}};
  const Pod station("s"), more("m");
  const Ran taken = cluster.command(1, "add {} --netns s --ifname eth0", lan);
  CAPTURE(taken.err);
  REQUIRE(taken.ok());
  const Ran added = cluster.command(1, "add {} --netns m --ifname eth0", conf);
  CAPTURE(added.err);
  CHECK(added.ok());
  CHECK(ping(more.netns(), "10.51.2.2") == Reach::connected);
  CHECK(cluster.command(1, "check").ok());
  cluster.command(1, "del {} --netns m --ifname eth0", conf);
  cluster.del(1, conf);
  cluster.command(1, "del {} --netns s --ifname eth0", lan);
  CHECK(cluster.command(1, "uplink release").ok());
}
