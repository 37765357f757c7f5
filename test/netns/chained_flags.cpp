// The port of another plugin's bridge has flags of its own, which are that plugin's to set.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "chained_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("what another plugin said of its port stays while ours is chained behind it, and after our DEL",
          "[chained][flags]") {
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  const bool isolation = GENERATE(false, true);  // asked of ours
  CAPTURE(isolation);
  Node node;
  const Pod pod("a");
  Chain first(node, {debian_bridge()});
  json conf = behind({{"cniVersion", "1.0.0"}, {"name", "list"}, {"portIsolation", isolation}, {"spoofCheck", false}});
  conf["prevResult"] = first.must_add(pod);
  const std::string link = json::parse(must_run("ip -j link show master cbr0"))[0].at("ifname");
  const std::string flags = "bridge -d link show dev " + link + " | tr -s ' \\n' ' '";
  must_run("bridge link set dev " + link + " isolated on flood off mcast_flood off learning off");
  const std::string before = must_run(flags);
  const Answer added = node.must_add(pod, conf);
  const std::string between = must_run(flags);
  CHECK_THAT(between, Contains("isolated on") && Contains("learning off") && Contains(" flood off") &&
                          Contains("mcast_flood off") && Contains("guard on"));
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  must_run("bridge link set dev " + link + " isolated off");
  CHECK_THAT(told(node.check(pod, added, conf)), Contains("other flags: isolated"));
  node.must_del(pod, conf);
  CHECK(must_run(flags) == before);
  first.must_del(pod);
}
