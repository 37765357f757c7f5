// What several attachments share: switches, tables, rules. Who leaves takes what nobody else needs, in whatever order they leave.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Four attachments: two networks on one switch, with another MTU-free config each, and one of them has a second subnet on it.
struct Member {
  const char* pod;
  json conf;
  const char* gateway;
};

std::vector<Member> members() {
  const json same{{"bridge", "same"}};
  return {{"a", other_conf("one", "10.1.0.0/16", same), "10.1.0.1/16"},
          {"b", other_conf("two", "10.2.0.0/16", same), "10.2.0.1/16"},
          {"c", other_conf("three", "fd03::/64", same), "fd03::1/64"}};
}

bool has_address(const std::string& cidr) {
  return run("ip -o addr show dev same").out.find(" " + cidr + " ") != std::string::npos;
}

}  // namespace

TEST_CASE("networks on one switch leave it in every order, and what the last one needs stays", "[verbs][shared]") {
  const std::vector<Member> all = members();
  std::vector<std::size_t> order{0, 1, 2};
  const Node node;
  do {
    CAPTURE(order[0], order[1], order[2]);
    std::vector<std::unique_ptr<Pod>> pods;
    std::vector<Answer> added;
    for (const Member& one : all) {
      pods.push_back(std::make_unique<Pod>(one.pod));
      added.push_back(node.must_add(*pods.back(), one.conf));
    }
    for (std::size_t gone = 0; gone < order.size(); ++gone) {
      node.must_del(*pods[order[gone]], all[order[gone]].conf);
      for (std::size_t i = 0; i < order.size(); ++i) {
        const bool stays = std::find(order.begin(), order.begin() + static_cast<long>(gone) + 1, i) ==
                           order.begin() + static_cast<long>(gone) + 1;
        CHECK(has_address(all[i].gateway) == stays);
        if (!stays) continue;
        const Answer checked = node.check(*pods[i], added[i], all[i].conf);
        CHECK(told(checked) == "0 ");
      }
    }
    CHECK(node.left() == kNothing);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("one network's name on two switches is two switches", "[verbs][shared]") {
  const Node node;
  const Pod a("a"), b("b");
  const json left = demo_conf(), right = demo_with({{"bridge", "right"}, {"subnets", {"10.99.0.0/16"}}, {"mtu", 1300}});
  const Answer one = node.must_add(a, left), two = node.must_add(b, right);
  CHECK(one.json.at("interfaces").at(0).at("name") == "trdemo");
  CHECK(two.json.at("interfaces").at(0).at("name") == "right");
  CHECK(node.check(a, one, left).ok());
  CHECK(node.check(b, two, right).ok());
  SECTION("one leaves first") {
    node.must_del(a, left);
    CHECK_FALSE(run("ip link show dev trdemo").ok());
    CHECK(node.check(b, two, right).ok());
    node.must_del(b, right);
  }
  SECTION("the other leaves first, and DEL knows neither's config") {
    node.must_del(b);
    CHECK_FALSE(run("ip link show dev right").ok());
    CHECK(node.check(a, one, left).ok());
    node.must_del(a, right);
  }
  SECTION("both by one GC") { CHECK(node.gc(json::array()).ok()); }
  CHECK(node.left() == kNothing);
}

TEST_CASE("networks that want a shared switch differently are refused, each named, and nothing changes",
          "[verbs][shared]") {
  struct Row {
    const char* what;
    json members;
    const char* subnet;
    const char* told;
  };
  const Row rows[] = {
      {"MTU", {{"bridge", "same"}, {"mtu", 1300}}, "10.2.0.0/16", "MTU"},
      {"host access", {{"bridge", "same"}, {"mtu", 1400}, {"hostAccess", false}}, "10.2.0.0/16", "same"},
      {"overlapping prefix", {{"bridge", "same"}, {"mtu", 1400}}, "10.1.128.0/17", "10.1"},
      {"overlapping prefix, larger", {{"bridge", "same"}, {"mtu", 1400}}, "10.0.0.0/8", "10.0.0.0/8"},
  };
  const Node node;
  const Pod a("a"), b("b");
  const json first = other_conf("one", "10.1.0.0/16", {{"bridge", "same"}, {"mtu", 1400}});
  const Answer added = node.must_add(a, first);
  wait_settled();  // the switch's own address is tentative for a while
  const Snapshot before = snapshot();
  const auto files = files_below(node.state() + "/switches");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Answer refused = node.add(b, other_conf("two", row.subnet, row.members));
    CAPTURE(told(refused));
    CHECK(refused.code() == 103);
    CHECK_THAT(refused.json.value("msg", ""), Contains("'one'") && Contains("'two'") && Contains(row.told));
    CHECK(changed_since(before) == kNothing);
    CHECK(files_below(node.state() + "/switches") == files);
    CHECK(node.records().size() == 1);
  }
  CHECK(node.check(a, added, first).ok());
  // Without an opinion of its own a network takes what is there.
  CHECK(
      node.must_add(b, other_conf("two", "10.2.0.0/16", {{"bridge", "same"}})).json.at("interfaces").at(0).at("mtu") ==
      1400);
  node.must_del(b);
  CHECK(node.del(b, other_conf("two", "10.2.0.0/16")).ok());
  node.must_del(a, first);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a network that grows while attachments live refuses nobody and leaves with the last", "[verbs][shared]") {
  const Node node;
  const Pod a("a"), b("b");
  json small = demo_conf(), large = demo_conf();
  small["subnets"] = {"10.88.0.0/16"};
  large["subnets"] = {"10.88.0.0/16", "fd88::/64", "10.90.0.0/16"};
  const Answer one = node.must_add(a, small), two = node.must_add(b, large);
  CHECK(node.check(a, one, small).ok());
  CHECK(node.check(b, two, large).ok());
  const auto first = GENERATE(0, 1);
  node.must_del(first == 0 ? a : b);
  CHECK((first == 0 ? node.check(b, two, large) : node.check(a, one, small)).ok());
  node.must_del(first == 0 ? b : a);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a switch of ours with a foreign port stays as it is, said in the log, and goes when the port has gone",
          "[verbs][shared]") {
  const Node node;
  const Pod pod("c1");
  node.must_add(pod);
  must_run("ip link add foreign type veth peer name other && ip link set foreign master trdemo up");
  const Answer deleted = node.del(pod);
  CHECK(deleted.ok());
  CHECK(deleted.out.empty());
  CHECK_THAT(deleted.err, Contains("trdemo") && Contains("port=\"foreign\""));
  CHECK(run("ip link show master trdemo").out.find("foreign") != std::string::npos);
  SECTION("to GC") {
    must_run("ip link del foreign");
    CHECK(node.gc(json::array()).ok());
  }
  SECTION("to the next pod's DEL, which uses it again") {
    const Answer again = node.must_add(pod);
    CHECK(told(node.check(pod, again)) == "0 ");
    must_run("ip link del foreign");
    node.must_del(pod);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("a switch too small for IPv6 serves IPv4, and refuses IPv6 with the reason", "[verbs][shared]") {
  const Node node;
  const Pod a("a"), b("b");
  const json small = other_conf("small", "10.1.0.0/16", {{"bridge", "same"}, {"mtu", 1000}});
  const Answer added = node.must_add(a, small);
  CHECK(told(node.check(a, added, small)) == "0 ");
  const Answer refused = node.add(b, other_conf("six", "fd06::/64", {{"bridge", "same"}}));
  CHECK(refused.code() == 7);
  CHECK_THAT(refused.json.value("msg", ""), Contains("1000") && Contains("1280"));
  node.must_del(a, small);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a network whose hostAccess is changed while pods live has the later word, until its last pod leaves",
          "[verbs][shared]") {
  Node node;
  const Pod a("a"), b("b"), c("c"), neighbour("n");
  node.must_add(neighbour, other_conf("neighbour", "fd77::/64"));  // keeps the tables
  node.settle();
  const json open = demo_conf(), shut = demo_with({{"hostAccess", false}});
  const Answer one = node.must_add(a, open);
  CHECK(tcp_talk(a.netns(), "10.88.0.1", 9).reach == Reach::refused);
  CHECK(ping(a.netns(), "10.88.0.1") == Reach::connected);
  const Answer two = node.must_add(b, shut);
  const auto all_well = [&](const Pod& pod, const Answer& added, const json& conf) {
    CHECK(told(node.check(pod, added, conf)) == "0 ");
    CHECK(told(node.status(conf)) == "0 ");
    CHECK(node.command({"check"}).ok());
  };
  all_well(a, one, open);
  all_well(b, two, shut);
  CHECK(ping(b.netns(), "10.88.0.1", 300) == Reach::unreachable);
  must_run("nft flush ruleset");
  CHECK(node.command({"repair"}).ok());
  all_well(a, one, open);
  all_well(b, two, shut);
  CHECK(ping(b.netns(), "10.88.0.1", 300) == Reach::unreachable);
  SECTION("the later one leaves first") {
    node.must_del(b);
    all_well(a, one, open);
    CHECK(ping(a.netns(), "10.88.0.1") == Reach::connected);
    node.must_del(a);
  }
  SECTION("the older one leaves first") {
    node.must_del(a);
    all_well(b, two, shut);
    CHECK(ping(b.netns(), "10.88.0.1", 300) == Reach::unreachable);
    node.must_del(b);
  }
  SECTION("both are used again") {
    const Answer three = node.must_add(c, open);
    all_well(a, one, open);
    all_well(c, three, open);
    node.must_del(b);
    all_well(a, one, open);
    node.must_del(a);
    node.must_del(c);
  }
  CHECK(node.changed() == kNothing);
}
