// An attachment's way through the verbs: twice, out of order, late, over somebody else's links; and nothing is left in the end.
#include <catch2/catch.hpp>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

std::string message(const Answer& answer) { return answer.json.value("msg", ""); }

bool pings_gateway(const Pod& pod) {
  return ping(pod.netns(), "10.88.0.1") == Reach::connected && ping(pod.netns(), "fd88::1") == Reach::connected;
}

}  // namespace

TEST_CASE("a second ADD of an attachment is refused and the first goes on", "[verbs][lifecycle]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod);
  REQUIRE(pings_gateway(pod));
  const Snapshot before = snapshot();
  const Answer again = node.add(pod);
  CHECK(again.code() == 104);
  CHECK_THAT(message(again), Contains("c1") && Contains("eth0") && Contains("'demo'"));
  CHECK(changed_since(before) == kNothing);
  CHECK(pings_gateway(pod));
  CHECK(node.check(pod, added).ok());
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("an interface that is in the pod already refuses the ADD, and is left alone", "[verbs][lifecycle]") {
  const Node node;
  const Pod pod("c1");
  pod.must_exec("ip link add eth0 type bridge && ip addr add 10.9.9.9/24 dev eth0 && ip link set eth0 up");
  const std::string before = pod.must_exec("ip addr show dev eth0");
  const Answer refused = node.add(pod);
  CHECK(refused.code() == 103);
  CHECK_THAT(message(refused), Contains("pod:eth0"));
  CHECK(pod.must_exec("ip addr show dev eth0") == before);
  CHECK(node.left() == kNothing);
}

TEST_CASE("DEL succeeds twice, first, and for a network nobody knows, without a word", "[verbs][lifecycle]") {
  const Node node;
  const Pod pod("c1");
  const auto silent = [](const Answer& answer) { return answer.ok() && answer.out.empty(); };
  CHECK(silent(node.del(pod)));
  node.must_add(pod);
  CHECK(silent(node.del(pod)));
  CHECK(silent(node.del(pod)));
  CHECK(silent(node.del(pod, other_conf("nobody", "10.1.0.0/16"))));
  CHECK(node.left() == kNothing);
  node.must_add(pod);  // a DEL of the past does not stop an ADD of today
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("DEL takes everything away, whatever became of the namespace", "[verbs][lifecycle]") {
  const auto fate = GENERATE(as<std::string>{}, "gone", "gone, file left", "empty CNI_NETNS", "relative CNI_NETNS",
                             "another file", "pod side deleted", "pod side renamed", "pod side moved away");
  CAPTURE(fate);
  const Node node;
  Pod pod("c1");
  const Pod elsewhere("c2");
  node.must_add(pod);
  Node::Env env;
  if (fate == "gone") pod.remove();
  if (fate == "gone, file left") pod.remove(true);
  if (fate == "empty CNI_NETNS") env = {{"CNI_NETNS", ""}};
  if (fate == "relative CNI_NETNS") env = {{"CNI_NETNS", "c1"}};
  if (fate == "another file") env = {{"CNI_NETNS", "/dev/null"}};
  if (fate == "pod side deleted") pod.must_exec("ip link del eth0");
  if (fate == "pod side renamed") pod.must_exec("ip link set eth0 down && ip link set eth0 name net7");
  if (fate == "pod side moved away") pod.must_exec("ip link set eth0 netns /run/netns/c2");
  const Answer deleted = node.del(pod, demo_conf(), env);
  CAPTURE(told(deleted));
  CHECK(deleted.ok());
  CHECK(deleted.out.empty());
  CHECK(node.left() == kNothing);
  CHECK_FALSE(elsewhere.exec("ip link show dev eth0").ok());
}

TEST_CASE("a late DEL leaves the pod that got the same path alone", "[verbs][lifecycle]") {
  const Node node;
  auto old = std::make_unique<Pod>("path");
  const std::string link = host_link_of(node.must_add(*old, demo_conf(), {{"CNI_CONTAINERID", "old"}}));
  old.reset();
  wait_gone(link);
  const Pod fresh("path");
  const Answer added = node.must_add(fresh, demo_conf(), {{"CNI_CONTAINERID", "new"}});
  const Snapshot before = snapshot();
  CHECK(node.del(fresh, demo_conf(), {{"CNI_CONTAINERID", "old"}}).ok());
  CHECK(changed_since(before) == kNothing);
  CHECK(node.check(fresh, added, demo_conf(), {{"CNI_CONTAINERID", "new"}}).ok());
  CHECK(pings_gateway(fresh));
  node.must_del(fresh, demo_conf(), {{"CNI_CONTAINERID", "new"}});
  CHECK(node.left() == kNothing);
}

TEST_CASE("DEL does not need the config of the ADD", "[verbs][lifecycle]") {
  const json changes[] = {{{"subnets", {"172.20.0.0/16"}}},
                          {{"bridge", "elsewhere"}},
                          {{"mtu", 9000}},
                          {{"mode", "bridge"}},
                          {{"spoofCheck", false}},
                          {{"hostAccess", false}},
                          {{"ipam", {{"type", "dhcp"}}}},
                          {{"dns", "nonsense"}},
                          {{"cniVersion", "0.3.1"}},
                          {{"nonsense", 1}},
                          {{"prevResult", {{"cniVersion", "7"}}}},
                          {{"runtimeConfig", 7}},
                          {{"subnets", nullptr}},
                          {{"logLevel", "shout"}},
                          {{"type", "other"}},
                          {{"args", "x"}},
                          {{"device", "tap"}}};
  const Node node;
  const Pod pod("c1");
  for (const json& change : changes) {
    CAPTURE(change.dump());
    node.must_add(pod);
    CHECK(node.del(pod, demo_with(change)).ok());
    CHECK(node.changed() == kNothing);
  }
  node.must_add(pod);
  CHECK(node.del(pod, {{"cniVersion", "1.1.0"}, {"name", "demo"}}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("an ADD whose answer nobody reads fails and leaves nothing", "[verbs][lifecycle]") {
  const auto out = GENERATE(as<std::string>{}, ">&-", "> /dev/full", "| true", "| head -c 0");
  CAPTURE(out);
  const Node node;
  const Pod pod("c1");
  const Ran ran = run(
      "echo '" + demo_conf().dump() +
      "' > /run/conf; (sleep 0.1; CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=" + pod.path() +
      " TRESTLE_STATE_DIR=" + node.state() + " " + trestle_program() + " < /run/conf; echo $? > /run/status) " + out);
  CHECK(must_run("cat /run/status") == "1\n");
  CHECK(node.left() == kNothing);
  CHECK_FALSE(pod.exec("ip link show dev eth0").ok());
  node.must_add(pod);
}

TEST_CASE("a record whose pod was replaced is cleared before the new ADD", "[verbs][lifecycle]") {
  const Node node;
  auto old = std::make_unique<Pod>("c1");
  const Pod keeper("keeper");
  node.must_add(*old);
  // The old namespace lives on somewhere else, and so does its NIC.
  must_run("mkdir -p /run/elsewhere && : > /run/elsewhere/c1 && mount --bind /run/netns/c1 /run/elsewhere/c1");
  old.reset();
  const Pod fresh("c1");
  const Answer added = node.must_add(fresh);
  CHECK(node.check(fresh, added).ok());
  CHECK(pings_gateway(fresh));
  CHECK(node.records().size() == 1);
  CHECK_FALSE(run("nsenter --net=/run/elsewhere/c1 ip link show dev eth0").ok());
  node.must_del(fresh);
  CHECK(node.left() == kNothing);
  must_run("umount /run/elsewhere/c1");
}

TEST_CASE("a foreign link under the name that ours must have is refused and untouched", "[verbs][lifecycle]") {
  const Node probe;
  std::string link;
  {
    const Pod pod("c1");
    link = host_link_of(probe.must_add(pod));
    probe.must_del(pod);
  }
  must_run("ip link add " + link + " type veth peer name other && ip link set " + link + " up mtu 1234");
  const Snapshot before = snapshot();
  const Pod pod("c1");
  const Answer refused = probe.add(pod);
  CHECK(refused.code() == 103);
  CHECK_THAT(message(refused), Contains(link));
  CHECK(changed_since(before) == kNothing);
  CHECK(probe.del(pod).ok());
  CHECK(changed_since(before) == kNothing);
  must_run("ip link del " + link);
  CHECK(probe.left() == kNothing);
}

TEST_CASE("a foreign link where the switch must be is refused and untouched", "[verbs][lifecycle]") {
  const auto kind = GENERATE(as<std::string>{}, "bridge", "veth peer name other");
  CAPTURE(kind);
  const Node node;
  must_run(
      "sysctl -qw net.ipv6.conf.all.forwarding=1");  // ADD switches it on before it finds the link, and every link then listens to more
  must_run("ip link add trdemo type " + kind + " && ip addr add 10.77.0.1/24 dev trdemo && ip link set trdemo up");
  const Snapshot before = snapshot();
  const Pod pod("c1");
  const Answer refused = node.add(pod);
  CHECK(refused.code() == 103);
  CHECK_THAT(message(refused), Contains("trdemo"));
  CHECK(changed_since(before) == kNothing);
  CHECK(node.del(pod).ok());
  CHECK(node.gc(json::array()).ok());
  CHECK(changed_since(before) == kNothing);
  must_run("ip link del trdemo");
  CHECK(node.left() == kNothing);
}

TEST_CASE("one pod can have several NICs on one network and on several", "[verbs][lifecycle]") {
  const Node node;
  const Pod pod("c1");
  const json second = other_conf("second", "10.89.0.0/16", {{"defaultRoute", false}});
  const Answer a = node.must_add(pod),
               b = node.must_add(pod, demo_with({{"defaultRoute", false}}), {{"CNI_IFNAME", "net1"}}),
               c = node.must_add(pod, second, {{"CNI_IFNAME", "net2"}});
  CHECK(node.records().size() == 3);
  CHECK(addresses_of(a) != addresses_of(b));
  CHECK(host_link_of(a) != host_link_of(b));
  CHECK(node.check(pod, a).ok());
  CHECK(node.check(pod, b, demo_with({{"defaultRoute", false}}), {{"CNI_IFNAME", "net1"}}).ok());
  node.must_del(pod);
  CHECK(node.check(pod, b, demo_with({{"defaultRoute", false}}), {{"CNI_IFNAME", "net1"}}).ok());
  CHECK(node.check(pod, c, second, {{"CNI_IFNAME", "net2"}}).ok());
  node.must_del(pod, demo_conf(), {{"CNI_IFNAME", "net1"}});
  node.must_del(pod, second, {{"CNI_IFNAME", "net2"}});
  CHECK(node.left() == kNothing);
}
