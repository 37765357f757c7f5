// Hosts and callers that are not as usual: names at their limits, no IPv6, read-only sysctls, closed descriptors.
#include <catch2/catch.hpp>

#include "support/lan.h"
#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// ADD, CHECK, DEL, and nothing is left.
void goes_round(const Node& node, const Pod& pod, const json& conf, const Node::Env& env = {}) {
  const Answer added = node.add(pod, conf, env);
  CAPTURE(told(added));
  REQUIRE(added.ok());
  CHECK(told(node.check(pod, added, conf, env)) == "0 ");
  CHECK(told(node.status(conf)) == "0 ");
  CHECK(told(node.del(pod, conf, env)) == "0 ");
  CHECK(node.left() == kNothing);
}

}  // namespace

TEST_CASE("names may be as long and as odd as the specification lets them", "[verbs][hosts]") {
  struct Row {
    std::string network, container, ifname;
    json members;
  };
  const Row rows[] = {
      {std::string(128, 'n'), std::string(128, 'c'), "fifteen-letters", {}},
      {"n", "c", "e", {}},
      {"a.b-c_d", "A.B-C_D", "eth0.7", {}},
      {"demo", "c1", "eth0", {{"bridge", "br.7-x_y"}}},
      {"demo", "c1", "a\"b", {}},
      {"demo", "c1", "eth0@x", {}},
      {"trestle", "trestle", "trestle", {{"bridge", "trestle"}}},
      {"tables", "tables", "tables", {{"bridge", "tables"}}},
      {"demo", "c1", "ports", {{"bridge", "fifteen-letters"}}},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.network, row.container, row.ifname);
    json conf = demo_conf();
    conf["name"] = row.network;
    if (row.members.is_object()) conf.update(row.members);
    goes_round(node, pod, conf, {{"CNI_CONTAINERID", row.container}, {"CNI_IFNAME", row.ifname}});
  }
}

TEST_CASE("names that the kernel keeps for itself are refused before anything is made", "[verbs][hosts]") {
  const auto name = GENERATE(as<std::string>{}, "all", "default");
  CAPTURE(name);
  const Node node;
  const Pod pod("c1");
  CHECK(node.add(pod, demo_conf(), {{"CNI_IFNAME", name}}).code() == 4);
  CHECK(node.add(pod, demo_with({{"bridge", name}})).code() == 7);
  CHECK(node.left() == kNothing);
  CHECK(node.del(pod, demo_with({{"bridge", name}})).ok());
}

TEST_CASE("networks of one family alone make nothing of the other", "[verbs][hosts]") {
  const Node node;
  const Pod pod("c1");
  goes_round(node, pod, demo_with({{"subnets", {"10.88.0.0/16"}}}));
  CHECK(must_run("sysctl -n net.ipv6.conf.all.forwarding") == "0\n");
  goes_round(node, pod, demo_with({{"subnets", {"fd88::/64"}}}));
}

TEST_CASE("IPv6 serves pods and hosts where it was switched off for new links", "[verbs][hosts]") {
  const Node node;
  const Pod pod("c1");
  must_run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
  pod.must_exec("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
  const Answer added = node.must_add(pod);
  CHECK(ping(pod.netns(), "fd88::1") == Reach::connected);
  CHECK(told(node.check(pod, added)) == "0 ");
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("the MTU is that of the way out, on every link", "[verbs][hosts]") {
  Node node;
  const Lan lan(node.host(), 9000);
  node.settle();
  const Pod pod("c1");
  const Answer added = node.must_add(pod);
  for (const json& nic : added.json.at("interfaces")) CHECK(nic.at("mtu") == 9000);
  CHECK(json::parse(pod.must_exec("ip -j link show dev eth0")).at(0).at("mtu") == 9000);
  CHECK(told(node.check(pod, added)) == "0 ");
  // The first pod decides for the switch: the way out may change later.
  must_run(std::string("ip link set ") + Lan::kUplink + " mtu 1500");
  const Pod second("c2");
  CHECK(node.must_add(second).json.at("interfaces").at(0).at("mtu") == 9000);
  node.must_del(pod);
  node.must_del(second);
  CHECK(node.must_add(second).json.at("interfaces").at(0).at("mtu") == 1500);
}

TEST_CASE("read-only sysctls are no hindrance where they are right, and are named where they are not",
          "[verbs][hosts]") {
  const bool right = GENERATE(true, false);
  CAPTURE(right);
  const Node node;
  const Pod pod("c1");
  if (right) {
    must_run(
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_ra=0 "
        "net.ipv6.conf.default.accept_dad=0");
    pod.must_exec("sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.accept_dad=0");
  }
  must_run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
  const Answer added = node.add(pod);
  const Answer deleted = node.del(pod);
  must_run("umount /proc/sys");
  CAPTURE(told(added));
  CHECK(added.ok() == right);
  if (!right) CHECK_THAT(added.json.value("msg", ""), Contains("net/ipv4/ip_forward") && Contains("Read-only"));
  CHECK(told(deleted) == "0 ");
  CHECK(node.left() == kNothing);
}

TEST_CASE("the caller's descriptors, directory, umask and signals do not matter", "[verbs][hosts]") {
  struct Row {
    const char* what;
    const char* before;
    const char* redirect;
  };
  const Row rows[] = {
      {"closed stderr", "true", "2>&-"},
      {"full stderr", "true", "2>/dev/full"},
      {"deleted directory", "mkdir /run/gone && cd /run/gone && rmdir /run/gone", ""},
      {"umask 0", "umask 0", ""},
      {"umask 777", "umask 777", ""},
      {"ignored signals", "trap '' TERM INT HUP PIPE CHLD", ""},
      {"few descriptors", "ulimit -n 16", ""},
  };
  const Node node;
  const Pod pod("c1");
  must_run("echo '" + demo_conf().dump() + "' > /run/conf");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const std::string call = " CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=" + pod.path() +
                             " TRESTLE_STATE_DIR=" + node.state() + " " + trestle_program() + " < /run/conf " +
                             row.redirect;
    const Ran added = run(std::string(row.before) + "; CNI_COMMAND=ADD" + call);
    CAPTURE(added.out, added.err);
    CHECK(added.ok());
    CHECK(json::accept(added.out));
    CHECK(must_run("find " + node.state() + " /run/sysctl.d ! -type l -perm /022").empty());
    CHECK(run(std::string(row.before) + "; CNI_COMMAND=DEL" + call).ok());
    CHECK(node.left() == kNothing);
  }
  for (const char* none : {"<&-", "< /dev/null", "< /run"}) {
    CAPTURE(none);
    const Ran said = run("CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=" + pod.path() +
                         " TRESTLE_STATE_DIR=" + node.state() + " " + trestle_program() + none);
    CHECK(said.status == 1);
    CHECK(json::accept(said.out));
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("a namespace reached through a symlink is the namespace", "[verbs][hosts]") {
  const Node node;
  const Pod pod("c1");
  must_run("ln -s /run/netns/c1 /run/link");
  goes_round(node, pod, demo_conf(), {{"CNI_NETNS", "/run/link"}});
  must_run("rm /run/link");
}

TEST_CASE("a GC list of ten thousand pods is no hindrance", "[verbs][hosts]") {
  const Node node;
  const Pod pod("c1"), other("c2");
  const Answer added = node.must_add(pod);
  node.must_add(other);
  json valid = json::array({{{"containerID", "c1"}, {"ifname", "eth0"}}});
  for (int i = 0; i < 10000; ++i) valid.push_back({{"containerID", "pod" + std::to_string(i)}, {"ifname", "eth0"}});
  CHECK(told(node.gc(valid)) == "0 ");
  CHECK(node.records().size() == 1);
  CHECK(told(node.check(pod, added)) == "0 ");
}
