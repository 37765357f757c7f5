// The built-in IPAM through the verbs: odd subnets, exclusions, full pools said with numbers, and addresses that rest.
#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "support/traffic.h"
#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json ipam_conf(const json& ipam) {
  return {{"cniVersion", "1.1.0"}, {"name", "demo"}, {"type", "trestle"}, {"ipam", ipam}};
}

}  // namespace

TEST_CASE(
    "the smallest subnets serve as many pods as they have room for, reach their gateway, and then say that they are "
    "full",
    "[verbs][ipam]") {
  struct Row {
    const char* what;
    json ipam;
    std::set<std::string> addresses;
    const char* gateway;
  };
  const Row rows[] = {
      {"/29",
       {{"subnet", "10.9.0.0/29"}},
       {"10.9.0.2/29", "10.9.0.3/29", "10.9.0.4/29", "10.9.0.5/29", "10.9.0.6/29"},
       "10.9.0.1"},
      {"/30", {{"subnet", "10.9.0.0/30"}}, {"10.9.0.2/30"}, "10.9.0.1"},
      {"/31", {{"subnet", "10.9.0.0/31"}}, {"10.9.0.1/31"}, "10.9.0.0"},
      {"/31 with a gateway beyond",
       {{"subnet", "10.9.0.0/31"}, {"gateway", "169.254.1.1"}},
       {"10.9.0.0/31", "10.9.0.1/31"},
       "169.254.1.1"},
      {"/32 with a gateway", {{"subnet", "10.9.0.7/32"}, {"gateway", "169.254.1.1"}}, {"10.9.0.7/32"}, "169.254.1.1"},
      {"/126", {{"subnet", "fd09::/126"}}, {"fd09::2/126", "fd09::3/126"}, "fd09::1"},
      {"/127", {{"subnet", "fd09::/127"}}, {"fd09::1/127"}, "fd09::"},
      {"/128 with a gateway", {{"subnet", "fd09::7/128"}, {"gateway", "fd00:1::1"}}, {"fd09::7/128"}, "fd00:1::1"},
      {"a range",
       {{"subnet", "10.9.0.0/24"}, {"rangeStart", "10.9.0.100"}, {"rangeEnd", "10.9.0.102"}},
       {"10.9.0.100/24", "10.9.0.101/24", "10.9.0.102/24"},
       "10.9.0.1"},
      {"a range less exclusions",
       {{"subnet", "10.9.0.0/24"},
        {"rangeStart", "10.9.0.96"},
        {"rangeEnd", "10.9.0.103"},
        {"exclude", {"10.9.0.96/30", "10.9.0.102"}}},
       {"10.9.0.100/24", "10.9.0.101/24", "10.9.0.103/24"},
       "10.9.0.1"},
      {"two ranges as one pool",
       {{"ranges", {{{{"subnet", "10.9.0.0/30"}}, {{"subnet", "10.9.1.0/30"}}}}}},
       {"10.9.0.2/30", "10.9.1.2/30"},
       nullptr},
      {"a gateway in the middle",
       {{"subnet", "10.9.0.0/29"}, {"gateway", "10.9.0.3"}, {"rangeEnd", "10.9.0.4"}},
       {"10.9.0.1/29", "10.9.0.2/29", "10.9.0.4/29"},
       "10.9.0.3"},
  };
  const Node node;
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const json conf = ipam_conf(row.ipam);
    std::vector<std::unique_ptr<Pod>> pods;
    std::set<std::string> given;
    for (std::size_t i = 0; i < row.addresses.size(); ++i) {
      pods.push_back(std::make_unique<Pod>("c" + std::to_string(i)));
      CHECK(node.status(conf).ok());
      const Answer added = node.add(*pods.back(), conf);
      CAPTURE(told(added));
      REQUIRE(added.ok());
      given.insert(added.json.at("ips").at(0).at("address").get<std::string>());
      CHECK(told(node.check(*pods.back(), added, conf)) == "0 ");
      if (row.gateway) CHECK(ping(pods.back()->netns(), row.gateway) == Reach::connected);
    }
    CHECK(given == row.addresses);
    const Snapshot full = snapshot();
    const Pod late("late");
    const Answer refused = node.add(late, conf);
    CHECK(refused.code() == 102);
    const std::string n = std::to_string(row.addresses.size());
    CHECK_THAT(refused.json.value("msg", ""), Contains("all " + n + " of " + n));
    const Answer status = node.status(conf);
    CHECK(status.code() == 50);
    CHECK_THAT(status.json.value("msg", ""), Contains(n + " of " + n + " in use"));
    CHECK(changed_since(full) == kNothing);
    // One that leaves makes room at once, rest or no rest.
    node.must_del(*pods.front(), conf);
    CHECK(node.status(conf).ok());
    CHECK(node.add(late, conf).ok());
    node.must_del(late, conf);
    for (const auto& pod : pods) node.must_del(*pod, conf);
    CHECK(node.left() == kNothing);
    must_run("rm -rf " + node.state());
  }
}

TEST_CASE("a /32 or /128 without a gateway is refused before anything is made", "[verbs][ipam]") {
  const auto subnet = GENERATE(as<std::string>{}, "10.9.0.7/32", "fd09::7/128");
  const Node node;
  const Pod pod("c1");
  const Answer refused = node.add(pod, ipam_conf({{"subnet", subnet}}));
  CHECK(refused.code() == 7);
  CHECK_THAT(refused.json.value("msg", ""), Contains("gateway") && Contains(subnet));
  CHECK(node.left() == kNothing);
}

TEST_CASE("a released address rests while there are others, and a failed ADD wears none out", "[verbs][ipam]") {
  const Node node;
  const Pod a("a"), b("b");
  const json conf = ipam_conf({{"subnet", "10.9.0.0/29"}});
  CHECK(addresses_of(node.must_add(a, conf)).at(0) == "10.9.0.2");
  node.must_del(a);
  for (const char* next : {"10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"}) {
    CHECK(addresses_of(node.must_add(a, conf)).at(0) == next);
    node.must_del(a);
  }
  // All rest: the one that rests longest is given.
  CHECK(addresses_of(node.must_add(a, conf)).at(0) == "10.9.0.2");
  node.must_del(a);

  must_run("rm -rf " + node.state());
  b.must_exec("ip link add eth0 type bridge");
  for (int i = 0; i < 10; ++i) CHECK(node.add(b, conf).code() == 103);
  CHECK(node.status(conf).ok());
  CHECK(addresses_of(node.must_add(a, conf)).at(0) != "");
  const json seen = json::parse(node.command({"ps", "--json"}).out);
  CHECK(seen.size() == 1);
}

TEST_CASE("a range that shrank or moved keeps what it gave until DEL, and gives from the new one", "[verbs][ipam]") {
  const Node node;
  const Pod a("a"), b("b"), c("c");
  const json wide = ipam_conf({{"subnet", "10.9.0.0/24"}}),
             narrow = ipam_conf({{"subnet", "10.9.0.0/24"}, {"rangeStart", "10.9.0.200"}, {"rangeEnd", "10.9.0.200"}});
  const Answer first = node.must_add(a, wide), second = node.must_add(b, narrow);
  CHECK(addresses_of(first).at(0) == "10.9.0.2");
  CHECK(addresses_of(second).at(0) == "10.9.0.200");
  CHECK(node.add(c, narrow).code() == 102);
  CHECK(node.check(a, first, narrow).ok());
  node.must_del(a, narrow);
  CHECK(node.add(c, wide).ok());
  node.must_del(b, wide);
  node.must_del(c, wide);
  CHECK(node.left() == kNothing);
}
