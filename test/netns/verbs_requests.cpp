// Addresses and MACs that a runtime asks for: where it may ask, which word counts, and who has what it wants.
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

json runtime(const json& values) { return demo_with({{"runtimeConfig", values}}); }
json args(const json& values) { return demo_with({{"args", {{"cni", values}}}}); }

}  // namespace

TEST_CASE("an address can be asked for in every way that runtimes know", "[verbs][requests]") {
  struct Row {
    const char* what;
    json conf;
    Node::Env env;
    Lines addresses;
  };
  const Row rows[] = {
      {"runtimeConfig", runtime({{"ips", {"10.88.7.7/16", "fd88::77"}}}), {}, {"10.88.7.7", "fd88::77"}},
      {"args.cni", args({{"ips", {"10.88.7.8"}}}), {}, {"10.88.7.8", ""}},
      {"CNI_ARGS", demo_conf(), {{"CNI_ARGS", "IP=10.88.7.9"}}, {"10.88.7.9", ""}},
      {"CNI_ARGS with two",
       demo_conf(),
       {{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.88.7.10,fd88::7a;FOO=bar"}},
       {"10.88.7.10", "fd88::7a"}},
      {"CNI_ARGS, IPv6 alone", demo_conf(), {{"CNI_ARGS", "IP=fd88::7b/64"}}, {"", "fd88::7b"}},
      {"empty CNI_ARGS", demo_conf(), {{"CNI_ARGS", "IP="}}, {"", ""}},
  };
  const Node node;
  const Pod pod("c1");
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Answer added = node.must_add(pod, row.conf, row.env);
    const Lines got = addresses_of(added);
    REQUIRE(got.size() == 2);
    for (std::size_t i = 0; i < 2; ++i)
      if (!row.addresses[i].empty()) CHECK(got[i] == row.addresses[i]);
    CHECK_THAT(pod.must_exec("ip -o addr show dev eth0"), Contains(got[0] + "/16") && Contains(got[1] + "/64"));
    node.must_del(pod);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("runtimeConfig speaks louder than args, args than CNI_ARGS, and the first wins whole", "[verbs][requests]") {
  const Node node;
  const Pod pod("c1");
  json conf = runtime({{"ips", {"10.88.1.1"}}, {"mac", "02:00:00:00:01:01"}});
  conf["args"] = {{"cni", {{"ips", {"10.88.2.2", "fd88::22"}}, {"mac", "02:00:00:00:02:02"}}}};
  const Node::Env env{{"CNI_ARGS", "IP=10.88.3.3,fd88::33;MAC=02:00:00:00:03:03"}};
  Answer added = node.must_add(pod, conf, env);
  CHECK(addresses_of(added).at(0) == "10.88.1.1");
  CHECK(addresses_of(added).at(1) == "fd88::2");  // neither of the weaker ones'
  CHECK(mac_of(added) == "02:00:00:00:01:01");
  node.must_del(pod);

  conf.erase("runtimeConfig");
  added = node.must_add(pod, conf, env);
  CHECK(addresses_of(added) == Lines{"10.88.2.2", "fd88::22"});
  CHECK(mac_of(added) == "02:00:00:00:02:02");
  node.must_del(pod);

  conf.erase("args");
  added = node.must_add(pod, conf, env);
  CHECK(addresses_of(added) == Lines{"10.88.3.3", "fd88::33"});
  CHECK(mac_of(added) == "02:00:00:00:03:03");
  CHECK_THAT(pod.must_exec("ip -o link show dev eth0"), Contains("02:00:00:00:03:03"));
}

TEST_CASE("ipRanges of the runtime give one more address, before the config's own", "[verbs][requests]") {
  const Node node;
  const Pod pod("c1");
  const json conf = runtime({{"ipRanges", {{{{"subnet", "10.50.0.0/24"}, {"rangeStart", "10.50.0.9"}}}}}});
  const Answer added = node.must_add(pod, conf);
  CHECK(addresses_of(added) == Lines{"10.50.0.9", "10.88.0.2", "fd88::2"});
  CHECK(node.check(pod, added, conf).ok());
  node.must_del(pod, demo_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE("an address or MAC that another has is refused with its holder's name, and nothing is left",
          "[verbs][requests]") {
  struct Row {
    const char* what;
    json wants;
  };
  const Row rows[] = {
      {"IPv4", {{"ips", {"10.88.7.7"}}}},
      {"IPv6", {{"ips", {"fd88::77"}}}},
      {"one of two", {{"ips", {"10.88.7.8", "fd88::77"}}}},
      {"MAC", {{"mac", "02:00:00:00:00:77"}}},
  };
  const Node node;
  const Pod holder("holder"), pod("c1");
  const Answer held =
      node.must_add(holder, runtime({{"ips", {"10.88.7.7", "fd88::77"}}, {"mac", "02:00:00:00:00:77"}}));
  const Snapshot before = snapshot();
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Answer refused = node.add(pod, runtime(row.wants));
    CHECK(refused.code() == 103);
    CHECK_THAT(refused.json.value("msg", ""), Contains("holder") && Contains("demo"));
    CHECK(changed_since(before) == kNothing);
    CHECK(node.records().size() == 1);
  }
  CHECK(node.check(holder, held).ok());
  node.must_del(holder);
  CHECK(addresses_of(node.must_add(pod, runtime({{"ips", {"10.88.7.7", "fd88::77"}}, {"mac", "02:00:00:00:00:77"}}))) ==
        Lines{"10.88.7.7", "fd88::77"});
}

TEST_CASE("two networks on one switch share its addresses and MACs; on two switches they do not meet",
          "[verbs][requests]") {
  const Node node;
  const Pod a("a"), b("b"), c("c");
  const json mac{{"mac", "02:00:00:00:00:77"}};
  node.must_add(a, other_conf("one", "10.1.0.0/16", {{"bridge", "same"}, {"runtimeConfig", mac}}));
  CHECK(node.add(b, other_conf("two", "10.2.0.0/16", {{"bridge", "same"}, {"runtimeConfig", mac}})).code() == 103);
  CHECK(node.add(c, other_conf("three", "10.3.0.0/16", {{"runtimeConfig", mac}})).ok());
}

TEST_CASE("a MAC stays with its address, and an address with its MAC", "[verbs][requests]") {
  const Node node;
  const Pod a("a"), b("b");
  const Answer first = node.must_add(a);
  node.must_del(a);
  // Used again at once by request: neighbours still know it.
  const Answer again = node.must_add(b, runtime({{"ips", addresses_of(first)}}));
  CHECK(mac_of(again) == mac_of(first));
  node.must_del(b);
  const Answer back = node.must_add(a, runtime({{"mac", mac_of(first)}}));
  CHECK(addresses_of(back) == addresses_of(first));
}
