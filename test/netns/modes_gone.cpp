// What a living switch needs of its host: a bridge of somebody else's, a NIC to leave by, a NIC as wide as the switch. Gone or changed, STATUS and
// ADD say so; both took what they had read when the switch was made.
#include <catch2/catch.hpp>

#include "nat_guest.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json on_bridge() {
  json conf = demo_with({{"mode", "bridge"}, {"bridge", "br-lan"}});
  conf.erase("subnets");
  conf["ipam"] = {{"ranges", {{{{"subnet", "192.0.2.0/24"}, {"rangeStart", "192.0.2.100"}}}}}};
  return conf;
}

void make_bridge(int mtu) {
  must_run("ip link add br-lan mtu " + std::to_string(mtu) +
           " type bridge && ip link set br-lan up && ip link show br-lan");
}

int mtu_in(const Guest& guest) {
  const Inside inside(guest.netns());
  return json::parse(must_run("ip -j link show eth0"))[0].at("mtu");
}

}  // namespace

TEST_CASE("the host's own bridge gets another MTU: so does the next pod; it goes: STATUS 50, ADD 7", "[modes][gone]") {
  Node node;
  make_bridge(1500);
  const Guest a(node, "a", on_bridge());
  CHECK(mtu_in(a) == 1500);
  must_run("ip link set br-lan mtu 1400");
  const Guest b(node, "b", on_bridge());
  CHECK(mtu_in(b) == 1400);
  must_run("ip link del br-lan");
  const Answer status = node.status(on_bridge());
  CHECK(status.code() == 50);
  CHECK_THAT(told(status), Contains("needs a bridge that exists, and br-lan does not"));
  const Pod pod("c");
  const Answer refused = node.add(pod, on_bridge());
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains("needs a bridge that exists, and br-lan does not"));
  make_bridge(1400);  // the operator's networking is up again
  CHECK(node.status(on_bridge()).code() == 0);
  const Guest c(node, "d", on_bridge());
  for (const Guest* guest : {&a, &b, &c}) guest->leave();
  must_run("ip link del br-lan");
  CHECK(node.left() == kNothing);
}

TEST_CASE("the NIC that a network leaves by is gone: STATUS 50, ADD 7, CHECK names it", "[modes][gone]") {
  const auto members = GENERATE(values<json>({{{"mode", "nat"}, {"uplink", "nic2"}},
                                              {{"mode", "routed"}, {"uplink", "nic2"}},
                                              {{"mode", "routed"}, {"uplink", "nic2"}, {"proxyArp", true}}}));
  CAPTURE(members.dump());
  Node node;
  make_wire("nic2", "far2");
  const json conf = demo_with(members);
  const Guest a(node, "a", conf);
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  must_run("ip link del nic2");
  const Pod pod("b");
  const std::string says = "uplink nic2 of network 'demo': the host has no such NIC";
  const Answer status = node.status(conf), refused = node.add(pod, conf);
  CHECK(status.code() == 50);
  CHECK_THAT(told(status), Contains(says));
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains(says));
  const Answer checked = node.check(a.pod(), a.added(), conf);
  CHECK(checked.code() == 105);
  CHECK_THAT(told(checked), Contains("host:nic2: is gone, by which switch trdemo leaves"));
  a.leave();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}

TEST_CASE("an uplink narrower than its switch: CHECK, STATUS and repair tell, and leave the NIC to its owner",
          "[modes][gone]") {
  Node node;
  make_wire("nic2", "far2");
  node.settle();
  json conf = on_bridge();
  conf["bridge"] = "trdemo";
  conf["uplink"] = "nic2";
  const Guest a(node, "a", conf);
  must_run("ip link set nic2 mtu 1000");
  const std::string says =
      "host:nic2: uplink of trdemo: MTU is 1000, not the switch's 1500: what is larger is lost without a word; "
      "ip link set nic2 mtu 1500";
  CHECK(node.check(a.pod(), a.added(), conf).json.value("details", "") == says);
  CHECK(node.status(conf).code() == 51);
  const Ran repaired = node.command({"repair"});
  CHECK_FALSE(repaired.ok());
  CHECK_THAT(repaired.out + repaired.err, Contains(says));
  const Guest b(node, "b", conf);
  must_run("ip link set nic2 mtu 1500");
  CHECK(node.check(a.pod(), a.added(), conf).ok());
  CHECK(node.command({"repair"}).ok());
  leave_nothing(node, {&a, &b});
}
