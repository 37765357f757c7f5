// NICs of one call, and the other configurations whose networks they are in; and what was wrong between two of them once.
#include <catch2/catch.hpp>

#include "delegate_conf.h"
#include "delegate_fake.h"
#include "multi_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json far_gateway(const std::string& subnet, const std::string& dst) {
  return {{"ranges", {{{{"subnet", subnet}, {"gateway", "169.254.1.1"}}}}}, {"routes", {{{"dst", dst}}}}};
}

std::string routes(const Pod& pod) { return pod.must_exec("ip route"); }

}  // namespace

TEST_CASE("one gateway beyond the subnets of two NICs: each has a way to it", "[multi][shared]") {
  Node node;
  json conf = demo_with({{"ipam", far_gateway("10.88.0.0/16", "10.200.0.0/16")}});
  conf.erase("subnets");
  conf["interfaces"] = {{{"name", "eth1"}, {"ipam", far_gateway("10.89.0.0/16", "10.201.0.0/16")}}};
  conf["interfaces"][0]["mode"] = "nat";
  const Guest a(node, "a", conf);
  CHECK_THAT(routes(a.pod()),
             Contains("10.200.0.0/16 via 169.254.1.1 dev eth0") && Contains("10.201.0.0/16 via 169.254.1.1 dev eth1"));
  const Answer checked = node.check(a.pod(), a.added(), conf);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  leave_nothing(node, {&a});
}

TEST_CASE("a default route with a priority stays beside the pod's own, one at the same place does not",
          "[multi][shared]") {
  Node node;
  json nic{{"name", "eth1"},
           {"mode", "nat"},
           {"ipam",
            {{"ranges", {{{{"subnet", "10.89.0.0/16"}}}, {{{"subnet", "fd89::/64"}}}}},
             {"routes",
              {{{"dst", "0.0.0.0/0"}, {"priority", 200}},
               {{"dst", "::/0"}, {"priority", 200}},
               {{"dst", "::/0"}, {"priority", 1024}}}}}}};
  const Guest a(node, "a", multi_conf({nic}));
  const std::string all = a.pod().must_exec("ip route show default; ip -6 route show default");
  CHECK_THAT(all, Contains("10.88.0.1 dev eth0") && Contains("10.89.0.1 dev eth1 proto static metric 200") &&
                      Contains("fd88::1 dev eth0 proto static metric 1024") &&
                      Contains("fd89::1 dev eth1 proto static metric 200") &&
                      !Contains("fd89::1 dev eth1 proto static metric 1024"));
  leave_nothing(node, {&a});
}

TEST_CASE("a delegate's routes and those of a NIC beside it", "[multi][shared][delegate]") {
  // Of a pod whose first NIC is on a LAN by a delegate: the default route is the delegate's, or nobody's.
  const bool has_default = GENERATE(false, true);
  CAPTURE(has_default);
  Node node;
  const std::string route = has_default ? R"({"dst":"0.0.0.0/0","gw":"10.77.0.1"},)" : "";
  const Fake fake(
      R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.77.0.5/24"}],"routes":[)" +
      route + R"({"dst":"10.200.0.0/16","gw":"10.77.0.1"}]}')");
  json conf = delegated({{"type", "fake-ipam"}}, {{"mode", has_default ? "nat" : "isolated"}});
  json second{{"name", "eth1"},
              {"mode", has_default ? "nat" : "isolated"},
              {"ipam", {{"ranges", {{{{"subnet", "10.89.0.0/16"}}}}}, {"routes", {{{"dst", "10.200.0.0/16"}}}}}}};
  if (!has_default) second["ipam"]["routes"][0]["gw"] = "10.89.0.9";
  conf["interfaces"] = {second};
  const Node::Env env = with_path(fake.folder());
  const Guest a(node, "a", conf, env);
  const std::string all = routes(a.pod());
  CHECK_THAT(all, Contains("10.200.0.0/16 via 10.77.0.1 dev eth0") && !Contains("10.200.0.0/16 via 10.89"));
  if (has_default)
    CHECK_THAT(all, Contains("default via 10.77.0.1 dev eth0") && !Contains("default via 10.89"));
  else
    CHECK_THAT(all, !Contains("default"));
  const Answer checked = node.check(a.pod(), a.added(), conf, env);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  node.must_del(a.pod(), conf, env);
  CHECK(node.left() == kNothing);
}

TEST_CASE("a NIC in a network whose other pods publish ports leaves those ports alone", "[multi][shared]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  json front = other_conf("front", "10.91.0.0/24");
  front["capabilities"] = {{"portMappings", true}};
  front["runtimeConfig"] = {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 7}, {"protocol", "tcp"}}}}};
  const Guest web(node, "web", front);
  const json nic{{"name", "eth1"}, {"network", "front"}, {"mode", "nat"}, {"subnets", {"10.91.0.0/24"}}};
  const std::string before = must_run("nft list chain inet trestle hairpin-trfront");
  const Guest a(node, "a", multi_conf({nic}));
  CHECK(must_run("nft list chain inet trestle hairpin-trfront") == before);
  CHECK(tcp_talk(web.netns(), Lan::kHost4, 8080).reach == Reach::connected);  // its own port: by the host, and back
  CHECK(node.check(web.pod(), web.added(), front).ok());
  node.must_del(web.pod(), front);
  leave_nothing(node, {&a});
}

TEST_CASE("a store that was lost: DEL takes the NICs on switches that nobody has come back to", "[multi][lost]") {
  Node node;
  const Pod a("a"), b("b");
  node.must_add(a, multi_conf({routed_nic()}));
  must_run("rm -rf " + node.state());
  node.must_add(b);  // on eth0's switch alone: the record that `a` has again knows nothing of eth1
  node.must_del(a, multi_conf({routed_nic()}));
  CHECK_FALSE(a.exec("ip -br link | grep eth").ok());
  CHECK_FALSE(run("ip link show dev trfront").ok());
  CHECK_FALSE(a.exec("ip rule | grep 10.").ok());
  node.must_del(b);
  CHECK(node.left() == kNothing);
}

TEST_CASE("policy rules of an attachment without a record go with its DEL, another's stay", "[multi][lost]") {
  Node node;
  const Pod a("a");
  const json conf = multi_conf({routed_nic()}), other = other_conf("other", "10.93.0.0/24", {{"sourceRouting", true}});
  node.must_add(a, conf);
  REQUIRE(node.call({"ADD", "a", "net9", a.path(), other, {}}).ok());
  must_run("rm -rf " + node.state());
  node.must_del(a, conf);
  const std::string rules = a.must_exec("ip rule; ip -6 rule");
  CHECK_THAT(rules, !Contains("10.88.0.2") && !Contains("fd91::2") && Contains("10.93.0.2"));
  CHECK(node.call({"DEL", "a", "net9", a.path(), other, {}}).ok());
  CHECK(node.left() == kNothing);
}

TEST_CASE("an ADD over an attachment whose record is damaged has its default route", "[multi][lost]") {
  Node node;
  const Pod a("a");
  node.must_add(a);
  must_run("for f in " + node.state() + "/records/*; do echo '{' > $f; done; ls " + node.state());
  node.must_add(a);
  CHECK_THAT(routes(a), Contains("default via 10.88.0.1 dev eth0"));
  node.must_del(a);
  CHECK(node.left() == kNothing);
}

TEST_CASE("GC of a network knows the delegate's leases of another configuration's NICs", "[multi][gc][delegate]") {
  Node node;
  const Fake fake(R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.77.0.5/24"}]}')");
  const Node::Env env = with_path(fake.folder());
  const json nic{{"name", "eth1"}, {"network", "front"}, {"mode", "isolated"}, {"ipam", {{"type", "fake-ipam"}}}};
  const Guest a(node, "a", multi_conf({nic}), env);
  json front =
      other_conf("front", "10.77.0.0/24", {{"mode", "isolated"}, {"cni.dev/valid-attachments", json::array()}});
  front.erase("subnets");
  front["ipam"] = {{"type", "fake-ipam"}};
  const Answer collected = node.call("GC", a.pod(), front, env);
  CAPTURE(told(collected));
  CHECK(collected.ok());
  CHECK(json::parse(fake.conf()).at("cni.dev/valid-attachments") ==
        json::array({{{"containerID", "a"}, {"ifname", "eth1"}}}));
  node.must_del(a.pod(), multi_conf({nic}), env);
  CHECK(node.left() == kNothing);
}
