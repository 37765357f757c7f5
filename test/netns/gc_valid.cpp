// GC takes away what no valid attachment owns, of its own network, and nothing on a misunderstanding.
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>

#include "support/lacks.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json attachment(const std::string& container, const std::string& ifname = "eth0") {
  return {{"containerID", container}, {"ifname", ifname}};
}

json gc_conf(const json& more) {
  json conf{{"cniVersion", "1.1.0"}, {"name", "demo"}, {"type", "trestle"}};
  conf.update(more);
  return conf;
}

}  // namespace

TEST_CASE("GC keeps the valid attachments whole and removes the others", "[gc]") {
  const Node node;
  const Pod a("a"), b("b"), c("c");
  const Answer kept = node.must_add(a);
  node.must_add(b);
  node.must_add(c);
  node.must_add(a, demo_with({{"defaultRoute", false}}), {{"CNI_IFNAME", "net1"}});
  const Answer collected = node.gc({attachment("a"), attachment("nobody"), attachment("c", "net9")});
  CHECK(told(collected) == "0 ");
  CHECK(node.records().size() == 1);
  CHECK(told(node.check(a, kept)) == "0 ");
  CHECK(a.must_exec("ls /sys/class/net | wc -l") == must_run("ls /sys/class/net | wc -l"));
  CHECK_FALSE(a.exec("ip link show dev net1").ok());
  CHECK_FALSE(b.exec("ip link show dev eth0").ok());
  CHECK_FALSE(c.exec("ip link show dev eth0").ok());
  node.must_del(a);
  CHECK(node.left() == kNothing);
}

TEST_CASE("an empty list and null mean that none is valid, under the old key too", "[gc]") {
  const auto more = GENERATE(
      values<json>({{{"cni.dev/valid-attachments", json::array()}},
                    {{"cni.dev/valid-attachments", nullptr}},
                    {{"cni.dev/attachments", json::array()}},
                    {{"cni.dev/attachments", nullptr}},
                    {{"cni.dev/valid-attachments", json::array()}, {"cni.dev/attachments", {attachment("a")}}}}));
  CAPTURE(more.dump());
  const Node node;
  const Pod a("a"), b("b");
  node.must_add(a);
  node.must_add(b);
  CHECK(told(node.call({"GC", "", "", "", gc_conf(more), {}})) == "0 ");
  CHECK(node.left() == kNothing);
}

TEST_CASE("without a list that can be understood GC removes nothing", "[gc]") {
  const json lists[] = {json::object(),
                        {{"cni.dev/valid-attachment", json::array()}},
                        {{"valid-attachments", json::array()}},
                        {{"cni.dev/valid-attachments", ""}},
                        {{"cni.dev/valid-attachments", false}},
                        {{"cni.dev/valid-attachments", 0}},
                        {{"cni.dev/valid-attachments", json::object()}},
                        {{"cni.dev/valid-attachments", {"b"}}},
                        {{"cni.dev/valid-attachments", {{{"containerID", "b"}}}}},
                        {{"cni.dev/valid-attachments", {{{"containerID", "b"}, {"ifName", "eth0"}}}}},
                        {{"cni.dev/valid-attachments", {{{"containerID", 7}, {"ifname", "eth0"}}}}}};
  const Node node;
  const Pod a("a");
  const Answer added = node.must_add(a);
  const Snapshot before = snapshot();
  for (const json& more : lists) {
    CAPTURE(more.dump());
    const Answer refused = node.call({"GC", "", "", "", gc_conf(more), {}});
    CHECK(refused.code() == 7);
    CHECK(node.records().size() == 1);
  }
  CHECK(changed_since(before) == kNothing);
  CHECK(node.check(a, added).ok());
}

TEST_CASE("GC of one network leaves the others alone, on the same switch too", "[gc]") {
  const Node node;
  const Pod a("a"), b("b"), c("c");
  const json same{{"bridge", "same"}};
  const json one = other_conf("one", "10.1.0.0/16", same), two = other_conf("two", "10.2.0.0/16", same),
             three = other_conf("three", "10.3.0.0/16");
  node.must_add(a, one);
  const Answer second = node.must_add(b, two), third = node.must_add(c, three);
  CHECK(node.gc(json::array(), "one").ok());
  CHECK(node.records().size() == 2);
  CHECK(told(node.check(b, second, two)) == "0 ");
  CHECK(told(node.check(c, third, three)) == "0 ");
  CHECK(run("ip -o addr show dev same").out.find("10.1.0.1") == std::string::npos);
  CHECK(node.gc(json::array(), "nobody").ok());
  CHECK(node.records().size() == 2);
  CHECK(node.gc(json::array(), "three").ok());
  CHECK(node.gc(json::array(), "two").ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("two state directories are two nodes: GC of one does not see the other's links", "[gc]") {
  const Node node;
  const Pod a("a"), b("b");
  const json elsewhere = other_conf("demo", "10.5.0.0/16", {{"bridge", "other"}, {"stateDir", node.state() + "-b"}});
  const Answer first = node.must_add(a), second = node.must_add(b, elsewhere);
  CHECK(node.gc(json::array()).ok());
  CHECK_FALSE(run("ip link show dev trdemo").ok());
  CHECK(told(node.check(b, second, elsewhere)) == "0 ");
  node.must_del(b, elsewhere);
  CHECK(node.left() == kNothing);
  must_run("rm -rf " + node.state() + "-b");
}

TEST_CASE("dead attachments go with GC, two hundred in less than two seconds", "[gc]") {
  constexpr int kMany = 200;
  const Node node;
  const Pod living("living");
  const Answer added = node.must_add(living);
  for (int i = 0; i < kMany; ++i) {
    Pod pod("p" + std::to_string(i));
    node.must_add(pod);
    if (i % 2 == 0)
      must_run("ip netns exec p" + std::to_string(i) + " ip link del eth0");  // some links are gone already
  }
  const auto start = std::chrono::steady_clock::now();
  const Answer collected = node.gc({attachment("living")});
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  CHECK(told(collected) == "0 ");
  CHECK(took < at_most(2000).count());
  CHECK(node.records().size() == 1);
  CHECK(told(node.check(living, added)) == "0 ");
  node.must_del(living);
  CHECK(node.left() == kNothing);
}
