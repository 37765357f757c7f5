// Several NICs whose pod went, or whose record did.
#include <catch2/catch.hpp>

#include "multi_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("several NICs: GC keeps all of a valid attachment and takes all of any other", "[multi][gc]") {
  Node node;
  const Guest a(node, "a", multi_conf()), b(node, "b", multi_conf());
  const json valid = json::array({{{"containerID", "a"}, {"ifname", "eth0"}}});
  const Answer collected = node.gc(valid);
  CAPTURE(told(collected));
  CHECK(collected.ok());
  CHECK(node.records().size() == 1);
  CHECK(node.check(a.pod(), a.added(), multi_conf()).ok());
  CHECK_FALSE(b.pod().exec("ip -br link | grep eth").ok());
  leave_nothing(node, {&a});
}

TEST_CASE("several NICs: a pod whose namespace is gone is healed away by the next ADD", "[multi][heal]") {
  Node node;
  Pod gone("gone");
  const Answer added = node.must_add(gone, multi_conf());
  gone.remove();
  for (const auto& interface : added.json.at("interfaces"))
    if (interface.at("name").get<std::string>().starts_with("veth")) wait_gone(interface.at("name"));
  const Pod next("next");
  node.must_add(next, multi_conf());
  CHECK(node.records().size() == 1);
  node.must_del(next, multi_conf());
  CHECK(node.left() == kNothing);
}

TEST_CASE("several NICs without their record: DEL takes all of them away", "[multi][lost]") {
  Node node;
  const Pod pod("a");
  node.must_add(pod, multi_conf());
  must_run("rm -rf " + node.state());
  node.must_del(pod, multi_conf());
  CHECK_FALSE(pod.exec("ip -br link | grep eth").ok());
  CHECK_FALSE(run("ip -br link | grep veth").ok());
  CHECK(node.gc(json::array()).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("several NICs: after the store was removed the next ADD gives nobody's address again", "[multi][lost]") {
  Node node;
  const Guest a(node, "a", multi_conf());
  must_run("rm -rf " + node.state());
  const Guest b(node, "b", multi_conf());
  for (const std::string nic : {"eth0", "eth1", "eth2", "eth3"})
    CHECK(address_of(a.added(), nic, '.') != address_of(b.added(), nic, '.'));
  CHECK(node.records().size() == 2);
  leave_nothing(node, {&a, &b});
}
