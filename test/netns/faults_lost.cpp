// A store that somebody removed while pods live, damaged records, and links under another name.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json small(const json& members = json::object()) { return other_conf("small", "10.9.0.0/29", members); }

json valid(const std::vector<std::string>& pods) {
  json list = json::array();
  for (const std::string& pod : pods) list.push_back({{"containerID", pod}, {"ifname", "eth0"}});
  return list;
}

std::string record_of(const Node& node, const std::string& container) {
  return must_run("grep -l '\"container\":\"" + container + "\"' " + node.state() +
                  "/records/* | head -1 | tr -d '\\n'");
}

}  // namespace

TEST_CASE("after the store was removed no living pod's address is given again", "[faults][lost]") {
  const json members =
      GENERATE(json::object(), json{{"spoofCheck", false}}, json{{"mode", "routed"}}, json{{"mode", "isolated"}});
  const std::string lost = GENERATE(as<std::string>{}, "", "/switches", "/records");
  CAPTURE(members.dump(), lost);
  const Node node;
  const Pod a("a"), b("b"), c("c"), d("d");
  const Answer first = node.must_add(a, small(members));
  node.must_add(b, small(members));
  must_run("rm -rf " + node.state() + lost + (lost.empty() ? "" : " " + node.state() + "/segments"));
  std::set<std::string> given;
  for (const Pod* pod : {&a, &b}) given.insert(pod->must_exec("ip -4 -o addr show eth0 | awk '{print $4}'"));
  node.must_add(c, small(members));
  node.must_add(d, small(members));
  for (const Pod* pod : {&c, &d}) given.insert(pod->must_exec("ip -4 -o addr show eth0 | awk '{print $4}'"));
  CHECK(given.size() == 4);
  SECTION("the old ones are whole attachments again") {
    CHECK(told(node.check(a, first, small(members))) == "0 ");
    CHECK(node.add(a, small(members)).code() == 104);
    CHECK_THAT(node.command({"ps"}).out, Contains("small") && Contains("10.9.0.2"));
    node.must_del(c, small(members));
    node.must_del(d, small(members));
    if (members.empty()) CHECK(ping(a.netns(), "10.9.0.1") == Reach::connected);  // the switch stayed, for them
    CHECK(told(node.check(a, first, small(members))) == "0 ");
    node.must_del(b, small(members));
    node.must_del(a, small(members));
    CHECK(node.left() == kNothing);
  }
  SECTION("those whose pod is gone are collected") {
    CHECK(told(node.gc(valid({"c", "d"}), "small")) == "0 ");
    CHECK(node.records().size() == 2);
    CHECK(told(node.gc(json::array(), "small")) == "0 ");
    CHECK(node.left() == kNothing);
  }
}

TEST_CASE("after the store was removed published ports and limits of a living pod go with its DEL", "[faults][lost]") {
  const json members{{"runtimeConfig",
                      {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}}}},
                       {"bandwidth", {{"egressRate", 20000000}, {"egressBurst", 1600000}}}}}};
  const Node node;
  const Pod a("a"), b("b");
  node.must_add(a, small(members));
  must_run("rm -rf " + node.state());
  node.must_add(b, small());
  node.must_del(a, small());
  CHECK(run("nft list ruleset").out.find("8080") == std::string::npos);
  node.must_del(b, small());
  CHECK(node.left() == kNothing);
}

TEST_CASE("after the parts were removed the last pod of another network does not take the switch along",
          "[faults][lost]") {
  const Node node;
  const Pod a("a"), b("b");
  const json one = other_conf("one", "10.1.0.0/16", {{"bridge", "same"}}),
             two = other_conf("two", "10.2.0.0/16", {{"bridge", "same"}});
  node.must_add(a, one);
  must_run("rm -rf " + node.state() + "/switches");
  node.must_add(b, two);
  node.must_del(b, two);
  CHECK(ping(a.netns(), "10.1.0.1") == Reach::connected);
  node.must_del(a, one);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a host link that somebody renamed goes with its DEL, by its alias", "[faults][renamed]") {
  const json members = GENERATE(
      json::object(), json{{"runtimeConfig", {{"bandwidth", {{"egressRate", 20000000}, {"egressBurst", 1600000}}}}}});
  const Node node;
  Pod a("a");
  const Pod b("b");
  const std::string link = host_link_of(node.must_add(a, small(members)));
  node.must_add(b, small());
  const auto rename = [&](const std::string& from, const std::string& to) {
    must_run("ip link set " + from + " down && ip link set " + from + " name " + to + " && ip link set " + to + " up");
  };
  rename(link, "other1");
  if (!members.empty()) rename("ifb" + link.substr(4), "other2");
  SECTION("by DEL") { node.must_del(a, small()); }
  SECTION("by GC") { CHECK(told(node.gc(valid({"b"}), "small")) == "0 "); }
  CHECK_FALSE(run("ip link show dev other1").ok());
  CHECK_FALSE(run("ip link show dev other2").ok());
  CHECK_FALSE(a.exec("ip link show dev eth0").ok());
  CHECK(ping(b.netns(), "10.9.0.1") == Reach::connected);
  node.must_del(b, small());
  CHECK(node.left() == kNothing);
}

TEST_CASE("GC leaves the renamed link of a pod that lives", "[faults][renamed]") {
  const Node node;
  const Pod a("a");
  const std::string link = host_link_of(node.must_add(a, small()));
  must_run("ip link set " + link + " down && ip link set " + link + " name other1 && ip link set other1 up");
  CHECK(told(node.gc(valid({"a"}), "small")) == "0 ");
  CHECK(run("ip link show dev other1").ok());
  node.must_del(a, small());
  CHECK(node.left() == kNothing);
}

TEST_CASE("a damaged record of a pod that is gone is collected by GC of its network", "[faults][damaged]") {
  const Node node;
  Pod a("a");
  const Pod b("b"), other("other");
  node.must_add(a, small());
  node.must_add(b, small());
  node.must_add(other, other_conf("third", "10.3.0.0/16"));
  const std::string file = record_of(node, "a");
  const bool gone = GENERATE(false, true);
  SECTION("one byte") { must_run("sed -i 's/\"mode\":\"nat\"/\"mode\":\"nax\"/' " + file); }
  SECTION("cut, while its link tells") { must_run(": > " + file); }
  if (gone && !std::ifstream(file, std::ios::ate).tellg()) return;  // then nothing tells: below
  if (gone) a.remove();
  CHECK(told(node.gc(valid({"a", "b"}), "small")) == "0 ");
  CHECK(node.records().size() == 3);  // still wanted
  CHECK(told(node.gc(valid({"other"}), "third")) == "0 ");
  CHECK(node.records().size() == 3);  // not that network's
  CHECK(told(node.gc(valid({"b"}), "small")) == "0 ");
  CHECK(node.records().size() == 2);
  CHECK(ping(b.netns(), "10.9.0.1") == Reach::connected);
  CHECK(told(node.gc(json::array(), "small")) == "0 ");
  node.must_del(other, other_conf("third", "10.3.0.0/16"));
  CHECK(node.left() == kNothing);
}

TEST_CASE("a damaged record that tells nothing any more is named by GC until somebody decides", "[faults][damaged]") {
  const Node node;
  Pod a("a");
  const std::string link = host_link_of(node.must_add(a, small()));
  const std::string file = record_of(node, "a");
  must_run(": > " + file);
  a.remove();
  wait_gone(link);
  const Answer named = node.gc(json::array(), "small");
  CHECK(named.code() == 108);
  CHECK_THAT(named.out, Contains(file) && Contains("remove the file"));
  must_run("rm " + file);
  CHECK(told(node.gc(json::array(), "small")) == "0 ");
  CHECK(node.left() == kNothing);
}

TEST_CASE("without the host file ps sees the attachments", "[faults][host]") {
  const Node node;
  const Pod a("a");
  node.must_add(a, small());
  const std::string damage = GENERATE(as<std::string>{}, "rm ", "truncate -s 5 ");
  must_run(damage + node.state() + "/host");
  CHECK_THAT(node.command({"ps"}).out, Contains("small") && Contains("10.9.0.2"));
  CHECK(told(node.status(small())) == "0 ");
  node.must_del(a, small());
  CHECK(node.left() == kNothing);
}
