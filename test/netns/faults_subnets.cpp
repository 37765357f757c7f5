// A subnet that something else on the host uses: taken once, and then either the pods or that network could not be reached.
#include <catch2/catch.hpp>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json net(const json& subnets, const json& members = json::object()) {
  json conf = other_conf("n1", "", members);
  conf["subnets"] = subnets;
  return conf;
}

struct Use {
  const char* what;
  const char* command;
  const char* told;  // of the message
};

const Use kUses[] = {
    {"the very subnet on the uplink", "ip addr add 10.1.0.5/16 dev nic1", "10.1.0.0/16 leads by link nic1"},
    {"a piece of it on another link", "ip addr add 10.1.7.5/24 dev nic1", "10.1.7.0/24 leads by link nic1"},
    {"a LAN that it is a piece of", "ip addr add 10.2.7.5/8 dev nic1", "10.0.0.0/8 leads by link nic1"},
    {"a tunnel's route", "ip route add 10.1.0.0/16 dev nic1", "10.1.0.0/16 leads by link nic1"},
    {"a route into it by a gateway", "ip addr add 192.0.2.9/24 dev nic1 && ip route add 10.1.7.0/24 via 192.0.2.1",
     "10.1.7.0/24 leads by link nic1"},
    {"IPv6", "ip -6 addr add fd01:0:0:0:7::1/80 dev nic1 nodad", "fd01::7:0:0:0/80 leads by link nic1"},
};

}  // namespace

TEST_CASE("a subnet that a link of the host uses is refused, and nothing is changed", "[faults][subnet]") {
  Node node;
  must_run("ip link add nic1 type veth peer name lan1 && ip link set nic1 up && ip link set lan1 up");
  const Use use = GENERATE(from_range(std::begin(kUses), std::end(kUses)));
  CAPTURE(use.what);
  must_run(use.command);
  node.settle();
  const Pod pod("c1");
  const std::string mode = GENERATE(as<std::string>{}, "nat", "routed");
  const json conf = net({"10.1.0.0/16", "fd01::/64"}, {{"mode", mode}});
  const Answer refused = node.add(pod, conf);
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains(use.told) && Contains("'n1'") && Contains("another subnet"));
  CHECK_THAT(told(node.status(conf)), Contains(use.told));
  CHECK(node.left() == kNothing);
}

TEST_CASE("what only seems to collide with a subnet is let through", "[faults][subnet]") {
  Node node;
  must_run("ip link add nic1 type veth peer name lan1 && ip link set nic1 up && ip link set lan1 up");
  must_run("ip addr add 192.0.2.9/24 dev nic1 && ip route add default via 192.0.2.1");
  const std::string command =
      GENERATE(as<std::string>{}, "ip route add 10.0.0.0/8 via 192.0.2.1",  // a VPN's: ours is more special
               "ip route add 0.0.0.0/1 dev nic1",                           // everything by a tunnel
               "ip route add blackhole 10.1.0.0/16 metric 500", "ip route add 10.1.0.0/16 dev nic1 table 77",
               "ip addr add 10.1.255.254/32 dev nic1");
  CAPTURE(command);
  must_run(command);
  const Pod a("a");
  if (command.find("/32") !=
      std::string::npos) {  // its route is in table local: a look at one address tells more than that
    CHECK(node.add(a, net({"10.1.0.0/16"})).ok());
    return;
  }
  const Answer added = node.must_add(a, net({"10.1.0.0/16"}));
  CHECK(told(node.check(a, added, net({"10.1.0.0/16"}))) == "0 ");
  node.must_del(a, net({"10.1.0.0/16"}));
}

TEST_CASE("the switch's own subnet is no collision, whoever asks for it again", "[faults][subnet]") {
  const Node node;
  const Pod a("a"), b("b"), c("c");
  const json one = other_conf("one", "10.1.0.0/16", {{"bridge", "same"}});
  node.must_add(a, one);
  node.must_add(b, other_conf("two", "10.1.0.0/16", {{"bridge", "same"}}));
  must_run("ip addr del 10.1.0.1/16 dev same");  // made anew by the next
  node.must_add(c, one);
  CHECK(ping(a.netns(), "10.1.0.1") == Reach::connected);
  must_run("rm -rf " + node.state() + "/switches");
  const Pod d("d");
  CHECK(told(node.add(d, one)).substr(0, 2) == "0 ");
}
