// What nobody took away: pods that went without a DEL, and a store that somebody removed.
#include <catch2/catch.hpp>
#include <memory>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// What of ours the host still has, in short: links, tables, files.
std::string remains() {
  return run("ls /sys/class/net | grep -vx -e lo -e bonding_masters; nft list tables; ls /run/sysctl.d 2>/dev/null")
      .out;
}

}  // namespace

TEST_CASE("without its store DEL still takes the attachment's own links and elements away", "[gc][lost]") {
  const Node node;
  const Pod a("a"), b("b");
  const std::string link = host_link_of(node.must_add(a));
  node.must_add(b);
  must_run("rm -rf " + node.state());
  CHECK(told(node.del(a)) == "0 ");
  CHECK_FALSE(run("ip link show dev " + link).ok());
  CHECK(run("nft list ruleset").out.find(link) == std::string::npos);
  CHECK(b.exec("ip link show dev eth0").ok());
}

TEST_CASE("after the store was removed one GC takes everything of the network away", "[gc][lost]") {
  const auto path = GENERATE(as<std::string>{}, "", "/records", "/switches", "/segments", "/host", "/lock");
  CAPTURE(path);
  const Node node;
  const Pod a("a"), b("b");
  node.must_add(a);
  node.must_add(b);
  must_run("rm -rf " + node.state() + path);
  const Answer collected = node.gc(json::array());
  CHECK(told(collected) == "0 ");
  CHECK(remains() == "");
  CHECK(node.add(a).ok());
  node.must_del(a);
  CHECK(node.left() == kNothing);
}

TEST_CASE("after the store was removed GC of one network leaves the other's links alone", "[gc][lost]") {
  const Node node;
  const Pod a("a"), b("b");
  const json same{{"bridge", "same"}};
  const json one = other_conf("one", "10.1.0.0/16", same), two = other_conf("two", "10.2.0.0/16", same);
  const std::string mine = host_link_of(node.must_add(a, one)), theirs = host_link_of(node.must_add(b, two));
  must_run("rm -rf " + node.state());
  CHECK(node.gc(json::array(), "one").ok());
  CHECK_FALSE(run("ip link show dev " + mine).ok());
  CHECK(run("ip link show dev " + theirs + " up").ok());
  CHECK(ping(b.netns(), "10.2.0.1") == Reach::connected);
  CHECK(node.gc(json::array(), "two").ok());
  CHECK(remains() == "");
}

TEST_CASE("after the store was removed new pods get on, beside those that live", "[gc][lost]") {
  const Node node;
  const Pod a("a"), b("b");
  node.must_add(a);
  must_run("rm -rf " + node.state());
  const Answer again = node.add(b, demo_with({{"runtimeConfig", {{"ips", {"10.88.9.9", "fd88::99"}}}}}));
  CAPTURE(told(again));
  REQUIRE(again.ok());
  CHECK(node.check(b, again).ok());
  CHECK(ping(b.netns(), "10.88.0.1") == Reach::connected);
  CHECK(ping(a.netns(), "10.88.9.9") == Reach::connected);
  CHECK(node.gc({{{"containerID", "b"}, {"ifname", "eth0"}}}).ok());
  CHECK(node.check(b, again).ok());
  CHECK_FALSE(a.exec("ip link show dev eth0").ok());
  node.must_del(b);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a left-over of the same attachment in a lost store does not stop its new ADD", "[gc][lost]") {
  const Node node;
  const Pod elsewhere("elsewhere");
  Pod pod("c1");
  node.must_add(pod);
  SECTION("with its pod") {}
  SECTION("in another namespace") { pod.must_exec("ip link set eth0 netns /run/netns/elsewhere"); }
  must_run("rm -rf " + node.state());
  pod.exec("ip link del eth0");
  const Answer again = node.add(pod);
  CAPTURE(told(again));
  REQUIRE(again.ok());
  CHECK(node.check(pod, again).ok());
  CHECK_FALSE(elsewhere.exec("ip link show dev eth0").ok());
  node.must_del(pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("pods that went without a DEL are cleared by the ADDs that follow", "[gc][heal]") {
  constexpr int kGone = 5;
  const Node node;
  std::vector<std::string> links;
  std::vector<std::unique_ptr<Pod>> gone;
  for (int i = 0; i < kGone; ++i) {
    gone.push_back(std::make_unique<Pod>("gone" + std::to_string(i)));
    links.push_back(host_link_of(node.must_add(
        *gone.back(), other_conf("net" + std::to_string(i % 2), i % 2 == 0 ? "10.1.0.0/16" : "10.2.0.0/16"))));
  }
  gone.clear();
  for (const std::string& link : links) wait_gone(link);
  CHECK(node.records().size() == kGone);
  std::vector<std::unique_ptr<Pod>> pods;
  for (int i = 0; i < 6 * kGone && static_cast<int>(node.records().size()) != i; ++i) {
    pods.push_back(std::make_unique<Pod>("new" + std::to_string(i)));
    node.must_add(*pods.back());
  }
  CHECK(node.records().size() == pods.size());
  CHECK_FALSE(run("ip link show dev trnet0").ok());
  CHECK_FALSE(run("ip link show dev trnet1").ok());
  for (const auto& pod : pods) node.must_del(*pod);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a pod that lives is never healed away, though its file is gone or its link was renamed", "[gc][heal]") {
  const Node node;
  const Pod a("a"), b("b");
  const Answer added = node.must_add(a);
  must_run("mkdir -p /run/keep && : > /run/keep/a && mount --bind /run/netns/a /run/keep/a && umount /run/netns/a");
  for (int i = 0; i < 6; ++i) {
    node.must_add(b);
    node.must_del(b);
  }
  CHECK(node.records().size() == 1);
  must_run("mount --bind /run/keep/a /run/netns/a");
  CHECK(told(node.check(a, added)) == "0 ");
  const std::string link = host_link_of(added);  // down: before Linux 6.2 a link that is up keeps its name
  must_run("ip link set " + link + " down && ip link set " + link + " name other1 && ip link set other1 up");
  // now the namespace tells
  for (int i = 0; i < 6; ++i) {
    node.must_add(b);
    node.must_del(b);
  }
  CHECK(node.records().size() == 1);
  must_run("umount /run/keep/a");
}
