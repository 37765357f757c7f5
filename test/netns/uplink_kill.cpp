// A call that is killed or fails in the middle of takeAddresses, or of the release: the host has its addresses, and is reached.
#include <catch2/catch.hpp>

#include "uplink_conf.h"
#include "uplink_tamper.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("takeAddresses, killed or failing at every message to the kernel: the host keeps its addresses and its LAN",
          "[uplink][kill]") {
  SKIP_IF(!has_strace(), "strace is not installed");
  const std::string how = GENERATE("signal=SIGKILL", "error=ENOBUFS");
  bool done = false;
  for (int k = 1; !done && k < kMostMessages; ++k) {
    CAPTURE(how, k);
    Node node;
    const Lan lan(node.host());
    node.settle();
    const std::string before = host_state();
    const Pod pod("a");
    done = add_tampered(node, pod, lan_conf(), how, k).ok();
    check_has_addresses();
    check_host_lives(lan);
    node.must_del(pod, lan_conf());
    check_has_addresses();
    check_host_lives(lan);
    const Ran released = node.command({"uplink", "release"});
    CAPTURE(released.out, released.err);
    CHECK(released.ok());
    CHECK(host_state() == before);
    CHECK(node.left() == kNothing);
    check_host_lives(lan);
  }
  CHECK(done);
}

TEST_CASE("what an earlier configuration took stays when a changed one fails, at any message to the kernel",
          "[uplink][kill][changed]") {
  SKIP_IF(!has_strace(), "strace is not installed");
  Node node;
  const Lan lan(node.host());
  const Pod pod("a");
  node.settle();
  const std::string first = host_state();
  node.must_add(pod, lan_conf());
  node.must_del(pod, lan_conf());
  const auto on_switch = [] { return run("ip -o addr show dev trdemo").out.find("192.0.2.2/24") != std::string::npos; };
  REQUIRE(on_switch());
  const json changed = lan_conf({{"portIsolation", true}});
  bool done = false;
  for (int k = 1; !done && k < kMostMessages; ++k) {
    CAPTURE(k);
    done = add_tampered(node, pod, changed, "error=ENOBUFS", k).ok();
    REQUIRE(on_switch());
  }
  CHECK(done);
  check_host_lives(lan);
  node.must_del(pod, changed);
  CHECK(on_switch());
  const Ran released = node.command({"uplink", "release"});
  CAPTURE(released.out, released.err);
  CHECK(released.ok());
  CHECK(host_state() == first);
  CHECK(node.left() == kNothing);
}

TEST_CASE("uplink release, killed or failing at every message to the kernel: the next one ends it", "[uplink][kill]") {
  SKIP_IF(!has_strace(), "strace is not installed");
  const std::string how = GENERATE("signal=SIGKILL", "error=ENOBUFS");
  bool done = false;
  for (int k = 1; !done && k < kMostMessages; ++k) {
    CAPTURE(how, k);
    Node node;
    const Lan lan(node.host());
    node.settle();
    const std::string before = host_state();
    const Pod pod("a");
    node.must_add(pod, lan_conf());
    node.must_del(pod, lan_conf());
    done = tampered(node, {"uplink", "release"}, {}, "", how, k).ok();
    check_has_addresses();
    check_host_lives(lan);
    const Ran released = node.command({"uplink", "release"});
    CAPTURE(released.out, released.err);
    CHECK(released.ok());
    CHECK(host_state() == before);
    CHECK(node.left() == kNothing);
  }
  CHECK(done);
}
