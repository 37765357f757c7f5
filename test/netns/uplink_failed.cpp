// An ADD that fails after its switch was made: in the pod, at a later NIC, by the IPAM plugin. The host's network is as it was before.
#include <catch2/catch.hpp>

#include "delegate_fake.h"
#include "uplink_conf.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

json taking_conf(const json& members = json::object()) {
  json conf = lan_conf(members);
  conf["uplink"] = {{"links", {Lan::kUplink}}, {"takeAddresses", true}};
  return conf;
}

struct Case {
  const char* what;
  json members;
  const char* in_pod;  // what is in its way there
};

}  // namespace

TEST_CASE("an ADD that fails in the pod gives back the host's addresses that it took itself", "[uplink][failed]") {
  const Case one = GENERATE(values<Case>({
      {"its only NIC", {{"device", "tap"}}, "tap0"},
      {"a later NIC, on a switch of its own",
       {{"interfaces", {{{"name", "net9"}, {"mode", "isolated"}, {"subnets", {"10.9.0.0/24"}}, {"device", "tap"}}}}},
       "tap9"},
      {"the IPAM plugin", {{"ipam", {{"type", "fake-ipam"}}}}, ""},
  }));
  CAPTURE(one.what);
  const Fake fake("[ $CNI_COMMAND = ADD ] && exit 3; exit 0");
  Node node;
  const Lan lan(node.host());
  node.settle();
  const std::string before = host_state();
  const Pod pod("a");
  if (*one.in_pod) must_run("ip -n a link add " + std::string(one.in_pod) + " type bridge");
  const Answer failed = node.add(pod, taking_conf(one.members), {{"CNI_PATH", fake.folder()}});
  CAPTURE(told(failed));
  REQUIRE_FALSE(failed.ok());
  CHECK(host_state() == before);
  CHECK(node.left() == kNothing);
  check_host_lives(lan);
}

TEST_CASE("an ADD that fails on a switch which had the host's addresses before leaves them there", "[uplink][failed]") {
  const Fake fake("[ $CNI_COMMAND = ADD ] && exit 3; exit 0");
  const bool lost = GENERATE(false, true);
  CAPTURE(lost);
  Node node;
  const Lan lan(node.host());
  node.settle();
  {
    const Pod first("first");
    node.must_add(first, taking_conf());
    CHECK(node.del(first, taking_conf()).ok());
  }
  if (lost) must_run("rm -rf " + node.state());
  const std::string before = host_state();
  const Pod pod("a");
  const Answer failed = node.add(pod, taking_conf({{"ipam", {{"type", "fake-ipam"}}}}), {{"CNI_PATH", fake.folder()}});
  CAPTURE(told(failed));
  REQUIRE_FALSE(failed.ok());
  CHECK(host_state() == before);
  check_host_lives(lan);
}
