// Delegates that refuse, versions without room for what they give, and what they must not say.
#include <catch2/catch.hpp>

#include "chained_conf.h"
#include "delegate_fake.h"
#include "nat_guest.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

json with_ipam(const json& ipam, const json& members = json::object()) {
  json conf = demo_with(members);
  conf.erase("subnets");
  conf["ipam"] = ipam;
  return conf;
}

Node::Env with(const std::string& path) { return {{"CNI_PATH", path}}; }

constexpr const char* kGives =
    R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.77.0.5/24"}]}')";

}  // namespace

TEST_CASE("a delegate that refuses ADD and DEL alike leaves nothing, and nobody stuck", "[delegate][refusing]") {
  const std::string body = GENERATE("echo no >&2; exit 1", "kill -SEGV $$");
  CAPTURE(body);
  Node node;
  const Fake fake(body);
  const Pod pod("a");
  const json conf = with_ipam({{"type", "fake-ipam"}});
  CHECK(node.add(pod, conf, with(fake.folder())).code() == 107);
  CHECK(fake.calls() == "ADD DEL ");
  CHECK(node.left() == kNothing);
}

TEST_CASE("a delegate whose DEL fails keeps no more than its own debt; a mended configuration pays it",
          "[delegate][refusing]") {
  const std::string by = GENERATE("del", "gc", "add");
  CAPTURE(by);
  Node node;
  const Fake fake(std::string(kGives) +
                  "\n[ $CNI_COMMAND = DEL ] && ! grep -q mended $(dirname $0)/conf && exit 1\nexit 0");
  const Pod pod("a");
  const Node::Env env = with(fake.folder());
  const json bad = with_ipam({{"type", "fake-ipam"}}), mended = with_ipam({{"type", "fake-ipam"}, {"mended", true}});
  const Answer added = node.must_add(pod, bad, env);
  // libcni's DEL carries the result; that alone is no other configuration, to be tried too.
  json with_prev = bad;
  with_prev["prevResult"] = added.json;
  CHECK(node.del(pod, with_prev, env).code() == 108);
  CHECK(fake.calls() == "ADD DEL ");
  const Ran checked = node.command({"check"});
  CHECK_FALSE(checked.ok());
  CHECK_THAT(checked.out, Contains("its DEL was begun and is not finished"));
  json invalid = bad;
  invalid["cni.dev/valid-attachments"] = json::array();
  CHECK_FALSE(node.call("GC", pod, invalid, env).ok());
  CHECK(run("grep -c DEL " + fake.log()).out == "2\n");
  CHECK_FALSE(pod.exec("ip link show eth0").ok());
  CHECK_FALSE(run("ip link show trdemo").ok());
  CHECK(node.records().size() == 1);
  CHECK(node.command({"ps"}).ok());
  if (by == "gc") {
    json conf = mended;
    conf["cni.dev/valid-attachments"] = json::array();
    const Answer collected = node.call("GC", pod, conf, env);
    CAPTURE(told(collected));
    CHECK(collected.ok());
  } else {
    if (by == "add") node.must_add(pod, mended, env);
    node.must_del(pod, mended, env);
  }
  CHECK(node.left() == kNothing);
}

TEST_CASE("what the runtime asks for is the delegate's to give", "[delegate][refusing]") {
  Node node;
  const bool by_args = GENERATE(false, true);
  json conf = with_ipam({{"type", "static"}}, {{"capabilities", {{"ips", true}}}});
  conf["cniVersion"] = "1.0.0";
  Node::Env env = with(kPlugins);
  if (by_args)
    env["CNI_ARGS"] = "IgnoreUnknown=1;IP=10.1.0.6/24;GATEWAY=10.1.0.1";
  else
    conf["runtimeConfig"] = {{"ips", {"10.1.0.6/24"}}};
  const Guest a(node, "a", conf, env);
  CHECK(a.ip4() == "10.1.0.6");
  node.must_del(a.pod(), conf, env);
  CHECK(node.left() == kNothing);
}

TEST_CASE("old versions of the result have room for what a delegate gives", "[delegate][refusing]") {
  const std::string version = GENERATE("0.1.0", "0.2.0", "0.3.1");
  CAPTURE(version);
  Node node;
  must_run("rm -rf /run/hl && ls /run");
  json conf = with_ipam({{"type", "host-local"}, {"dataDir", "/run/hl"}, {"subnet", "10.9.0.0/24"}});
  conf["cniVersion"] = version;
  const Pod pod("a");
  const Answer added = node.must_add(pod, conf, with(kPlugins));
  CHECK_THAT(added.json.dump(), Contains("10.9.0.2/24"));
  node.must_del(pod, conf, with(kPlugins));
  CHECK(node.left() == kNothing);
}

TEST_CASE("a delegate's gateway is another's address, and an isolated network has no way out", "[delegate][refusing]") {
  Node node;
  const Pod pod("a");
  {
    const Fake fake(
        R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.5/24","gateway":"10.9.0.5"}]}')");
    const Answer refused = node.add(pod, with_ipam({{"type", "fake-ipam"}}), with(fake.folder()));
    CHECK(refused.code() == 107);
    CHECK(fake.calls() == "ADD DEL ");
    CHECK(node.left() == kNothing);
  }
  const Fake fake(
      R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.5/24","gateway":"10.9.0.1"}],"routes":[{"dst":"0.0.0.0/0"}]}')");
  const json conf = with_ipam({{"type", "fake-ipam"}}, {{"mode", "isolated"}});
  const Answer added = node.must_add(pod, conf, with(fake.folder()));
  CHECK_FALSE(added.json.contains("routes"));
  CHECK(pod.must_exec("ip route show default") == "");
  node.must_del(pod, conf, with(fake.folder()));
  CHECK(node.left() == kNothing);
}

TEST_CASE("CHECK tells of a MAC that a later plugin gave and spoofCheck does not let pass", "[delegate][check]") {
  Node node;
  const Pod pod("a");
  const std::string mac = "02:12:34:56:78:9a";
  const bool allowed = GENERATE(false, true);
  const json conf = allowed ? demo_with({{"allowedMACs", {mac}}}) : demo_conf();
  Answer added = node.must_add(pod, conf);
  pod.must_exec("ip link set eth0 address " + mac + " && ip link show eth0");
  for (json& interface : added.json["interfaces"])
    if (interface.contains("sandbox")) interface["mac"] = mac;
  const Answer checked = node.check(pod, added, conf);
  CAPTURE(told(checked));
  CHECK(checked.ok() == allowed);
  if (!allowed) CHECK_THAT(told(checked), Contains("a later plugin gave eth0 MAC " + mac));
  node.must_del(pod, conf);
  CHECK(node.left() == kNothing);
}

TEST_CASE("an address that an IPAM plugin gives twice is the first pod's; a VM's two pods may both have it",
          "[delegate][refusing]") {
  // The second pod drew the neighbours' entries to itself, and its guard let it.
  Node node;
  const Fake fake(kGives);
  const Node::Env env = with(fake.folder());
  const json mode = GENERATE(json("nat"), json("routed"));
  const json conf = with_ipam({{"type", "fake-ipam"}}, {{"mode", mode}}),
             other = with_ipam({{"type", "fake-ipam"}}, {{"name", "other"}, {"bridge", "trdemo"}, {"mode", mode}});
  Pod a("a");
  const Pod b("b");
  const std::string link = host_link_of(node.must_add(a, conf, env));
  for (const json& again : {conf, other}) {
    const Answer refused = node.add(b, again, env);
    CAPTURE(told(refused));
    CHECK(refused.code() == 103);
    CHECK_THAT(told(refused), Contains("address 10.77.0.5") && Contains("'fake-ipam'") && Contains("container a/eth0"));
    CHECK(node.records().size() == 1);
  }
  a.remove();  // without a DEL: who is gone holds nothing
  wait_gone(link);
  node.must_add(b, conf, env);
  node.must_del(b, conf, env);
  node.must_del(a, conf, env);
  json vm = conf;
  vm["args"]["cni"]["vm"] = "web";
  const Pod c("c"), d("d");
  node.must_add(c, vm, env);
  node.must_add(d, vm, env);
  node.must_del(c, vm, env);
  node.must_del(d, vm, env);
  CHECK(node.left() == kNothing);
}
