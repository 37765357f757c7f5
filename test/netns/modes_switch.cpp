// What every mode promises of its switch: STATUS serves, CHECK is quiet, config errors say what to do, and nothing is left.
#include <catch2/catch.hpp>

#include "nat_guest.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

json conf_of(const std::string& mode) {
  json conf = demo_with({{"mode", mode}});
  if (mode == "bridge") conf["uplink"] = "uplink1";
  return conf;
}

void plug_in() { make_wire("uplink1", "far1"); }

}  // namespace

TEST_CASE("every mode: STATUS serves before, CHECK is quiet, repair mends a flush, nothing is left", "[modes]") {
  const std::string mode = GENERATE("nat", "routed", "isolated", "bridge");
  const bool addresses = GENERATE(true, false);
  if (!addresses && (mode == "nat" || mode == "routed")) return;
  CAPTURE(mode, addresses);
  Node node;
  plug_in();
  node.settle();
  json conf = conf_of(mode);
  if (!addresses) conf.erase("subnets");
  const Answer before = node.status(conf);
  CAPTURE(told(before));
  CHECK(before.ok());
  CHECK(node.left() == kNothing);
  const Guest a(node, "a", conf), b(node, "b", conf);
  CHECK(a.added().json.at("interfaces").at(0).at("mac") ==
        json::parse(must_run("ip -j link show trdemo"))[0].at("address"));
  CHECK(node.status(conf).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("nft flush ruleset");
  CHECK(node.check(a.pod(), a.added(), conf).code() == 105);
  CHECK(node.command({"repair"}).ok());
  const Answer checked = node.check(a.pod(), a.added(), conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  must_run("bridge fdb del " + a.mac() + " dev " + a.host_link() + " master");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("static FDB entry " + a.mac()));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("bridge link set dev " + a.host_link() + " locked off");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("locked"));
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a bridge network's uplink: CHECK names what another hand did to it, repair mends it", "[modes][bridge]") {
  struct Change {
    const char *command, *says;
  };
  const auto change =
      GENERATE(values<Change>({{"ip link set uplink1 nomaster", "host:uplink1: uplink of trdemo: is no port of trdemo"},
                               {"ip link set uplink1 down", "host:uplink1: uplink of trdemo: is down"}}));
  CAPTURE(change.command);
  Node node;
  plug_in();
  node.settle();
  const json conf = conf_of("bridge");
  const Guest a(node, "a", conf);
  must_run(change.command);
  CHECK(node.check(a.pod(), a.added(), conf).json.value("details", "") == change.says);
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run(change.command);
  const Guest b(node, "b", conf);  // the next ADD mends it too
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  leave_nothing(node, {&a, &b});
}

TEST_CASE("what a mode cannot have is refused before anything is made", "[modes][config]") {
  struct Case {
    json members;
    int code;
    const char* says;
  };
  const std::vector<Case> cases = {
      {{{"mode", "isolated"}, {"uplink", "uplink1"}}, 7, "no way outside"},
      {{{"mode", "bridge"}}, 7, "needs a bridge that exists"},
      {{{"mode", "bridge"}, {"uplink", "eth77"}}, 7, "the host has no such NIC"},
      {{{"mode", "bridge"}, {"uplink", {{"links", {"uplink1", "far1"}}}}}, 7, "make a loop"},
      {{{"mode", "bridge"}, {"uplink", "uplink1"}, {"hostAccess", false}}, 7, "host's own firewall"},
      {{{"mode", "bridge"}, {"uplink", "uplink1"}, {"mtu", 9000}}, 7, "larger frames would vanish"},
      {{{"mode", "nat"}, {"proxyArp", true}}, 7, "is for mode \"routed\""},
      {{{"mode", "routed"}, {"proxyArp", true}}, 7, "needs \"uplink\""},
      {{{"mode", "nat"}, {"uplink", {{"links", {"uplink1"}}, {"takeAddresses", true}}}}, 7, "is for mode \"bridge\""},
      {{{"spoofCheck", false}, {"allowedMACs", {"02:00:00:00:00:01"}}}, 7, "leave them out"},
      {{{"mode", "isolated"}, {"runtimeConfig", {{"portMappings", {{{"hostPort", 80}, {"containerPort", 80}}}}}}},
       7,
       "cannot be reached from outside"},
      {{{"vlan", 4095}}, 7, "vlan"},
      {{{"mode", "isolated"}, {"vlanTrunk", {{{"minID", 10}}}}}, 7, "minID and maxID go together"},
      {{{"mode", "isolated"}, {"vlan", 10}, {"vlanTrunk", {{{"id", 10}}}}}, 7, "cannot be tagged"},
  };
  Node node;
  plug_in();
  node.settle();
  const Pod pod("a");
  for (const Case& c : cases) {
    const Answer answer = node.add(pod, demo_with(c.members));
    CAPTURE(c.members.dump(), told(answer));
    CHECK(answer.code() == c.code);
    CHECK_THAT(answer.json.value("msg", ""), Catch::Contains(c.says));
    CHECK(node.left() == kNothing);
  }
}

TEST_CASE("different NICs under different switches at the same time, each network with its own mode",
          "[modes][bridge]") {
  Node node;
  plug_in();
  make_wire("uplink2", "far2");
  node.settle();
  json second = second_conf();
  second["mode"] = "bridge";
  second["uplink"] = "uplink2";
  const Guest a(node, "a", conf_of("bridge")), b(node, "b", second),
      c(node, "c", other_conf("third", "10.90.0.0/24", {{"mode", "routed"}}));
  for (const Guest* guest : {&a, &b, &c}) CHECK_FALSE(guest->ip4().empty());
  // One NIC cannot be in two switches.
  const Pod pod("d");
  const Answer taken = node.add(pod, other_conf("fourth", "10.91.0.0/24", {{"mode", "bridge"}, {"uplink", "uplink1"}}));
  CAPTURE(told(taken));
  CHECK(taken.code() == 103);
  CHECK_THAT(taken.json.value("msg", ""),
             Catch::Contains(
                 "uplink1 of network 'fourth' is a port of trdemo already; give this network that one as \"bridge\""));
  leave_nothing(node, {&c, &a, &b});
}
