// What may go wrong with a delegate.
#include <catch2/catch.hpp>

#include "delegate_conf.h"
#include "delegate_fake.h"
#include "support/plugin.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr const char* kAnswer =
    R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.77.0.5/24"},{"address":"fd77::5/64","gateway":"fd77::1"}],"dns":{"nameservers":["10.77.0.1"]}}')";

json fake_conf(const json& members = json::object()) {
  return delegated({{"type", "fake-ipam"}, {"some", "key"}}, members);
}

struct Bad {
  const char* body;
  const char* says;
};

}  // namespace

TEST_CASE("a delegate gets the whole configuration and environment, every verb, and its answer is the pod's",
          "[delegate]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Fake fake(kAnswer);
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(mode);
  json conf = fake_conf(
      {{"mode", mode},
       {"capabilities", {{"portMappings", true}}},
       {"runtimeConfig", {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 7}, {"protocol", "tcp"}}}}}}});
  const Node::Env env = with_path(fake.folder());
  CHECK(node.call("STATUS", Pod("s"), conf, env).ok());
  const Guest a(node, "a", conf, env);
  CHECK(a.ip4() == "10.77.0.5");
  CHECK(a.ip6() == "fd77::5");
  CHECK(a.added().json.at("ips").at(0).at("gateway") == "10.77.0.1");
  CHECK(a.added().json.at("dns").at("nameservers") == json{"10.77.0.1"});
  CHECK(json::parse(fake.conf()).at("ipam").at("some") == "key");
  if (mode == "nat") check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  CHECK(ping(a.netns(), "10.77.0.1") == Reach::connected);
  CHECK(ping(a.netns(), "fd77::1") == Reach::connected);
  CHECK(tcp_talk(lan.netns(), Lan::kHost4, 8080).seen() == Lan::kOutside4);
  const Answer checked = node.check(a.pod(), a.added(), conf, env);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  must_run("nft flush ruleset");
  CHECK(node.check(a.pod(), a.added(), conf, env).code() == 105);
  CHECK(node.command({"repair"}).ok());
  CHECK(node.check(a.pod(), a.added(), conf, env).ok());
  must_run("nft get element bridge trestle addr4 '{ \"" + a.host_link() +
           "\" . 10.77.0.5 }'");  // spoofing is held back by address
  json gc = conf;
  gc["cni.dev/valid-attachments"] = {{{"containerID", "a"}, {"ifname", "eth0"}}};
  CHECK(node.call("GC", a.pod(), gc, env).ok());
  node.must_del(a.pod(), conf, env);
  leave_nothing(node, {});
  node.must_del(a.pod(), conf, env);  // no record: the configured delegate is asked all the same
  CHECK(fake.calls() == "VERSION STATUS ADD CHECK CHECK CHECK VERSION GC DEL DEL ");
  CHECK_THAT(run("cat " + fake.log()).out, Contains("ADD a eth0 /run/netns/a"));
}

TEST_CASE("dns: the runtime's, else the configuration's, else the delegate's, each whole", "[delegate][dns]") {
  const Node node;
  const Fake fake(
      R"([ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.77.0.5/24"}],"dns":{"nameservers":["10.77.0.1"],"domain":"ipam"}}')");
  const json runtime{{"dns", {{"servers", {"192.0.2.1"}}, {"searches", {"runtime"}}}}},
      conf{{"nameservers", {"192.0.2.2"}}};
  struct Case {
    json members, wanted;
  };
  const std::vector<Case> cases = {
      {{}, {{"nameservers", {"10.77.0.1"}}, {"domain", "ipam"}}},
      {{{"dns", conf}}, {{"nameservers", {"192.0.2.2"}}}},
      {{{"dns", conf}, {"runtimeConfig", runtime}}, {{"nameservers", {"192.0.2.1"}}, {"search", {"runtime"}}}},
      {{{"dns", json::object()}, {"runtimeConfig", {{"dns", json::object()}}}},
       {{"nameservers", {"10.77.0.1"}}, {"domain", "ipam"}}},
  };
  for (const Case& c : cases) {
    const json conf_of = c.members.is_null() ? fake_conf() : fake_conf(c.members);
    CAPTURE(conf_of.dump());
    const Pod pod("a");
    const Answer added = node.must_add(pod, conf_of, with_path(fake.folder()));
    CHECK(added.json.at("dns") == c.wanted);
    node.must_del(pod, conf_of, with_path(fake.folder()));
  }
  leave_nothing(node, {});
}

TEST_CASE("a delegate that fails: its DEL is run, nothing is left, and its words are told", "[delegate]") {
  const auto bad = GENERATE(values<Bad>({
      {"[ $CNI_COMMAND = ADD ] && { echo '{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"pool is empty\"}'; exit 1; "
       "}; exit 0",
       "pool is empty (its code 11)"},
      {"[ $CNI_COMMAND = ADD ] && exit 3; exit 0", "exit code 3"},
      {"[ $CNI_COMMAND = ADD ] && kill -9 $$; exit 0", "signal 9"},
      {"[ $CNI_COMMAND = ADD ] && echo 'not json'; exit 0", "its result"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\"}'; exit 0", "gave no address"},
      {"[ $CNI_COMMAND = ADD ] && head -c 3000000 /dev/zero; exit 0", "more than 1 MiB"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.77.0.1/24\"}]}'; exit 0",
       "gateway's own address"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"127.0.0.5/8\"}]}'; exit 0",
       "meets 127.0.0.0/8"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"224.0.0.5/24\"}]}'; exit 0",
       "meets 224.0.0.0/4"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.77.0.255/24\"}]}'; exit 0",
       "broadcast address of 10.77.0.0/24"},
      {"[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.77.0.0/24\"}]}'; exit 0",
       "broadcast address of 10.77.0.0/24"},
      {"[ $CNI_COMMAND = ADD ] && echo "
       "'{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.77.0.5/24\"},{\"address\":\"10.77.0.5/16\"}]}'; exit 0",
       "the IPAM plugin 'fake-ipam' gave 10.77.0.5 twice"},
  }));
  CAPTURE(bad.body);
  Node node;
  const Fake fake(bad.body);
  const Pod pod("a");
  const Answer failed = node.add(pod, fake_conf(), with_path(fake.folder()));
  CAPTURE(told(failed));
  CHECK(failed.code() == 107);
  CHECK_THAT(told(failed), Contains(bad.says));
  leave_nothing(node, {});
  CHECK_THAT(fake.calls(), Contains("ADD DEL"));
}

TEST_CASE("a delegate that is not there or has no plugin's name", "[delegate]") {
  Node node;
  const Pod pod("a");
  CHECK_THAT(told(node.add(pod, fake_conf(), with_path("/nonexistent:/run"))),
             Contains("'fake-ipam' is not in CNI_PATH"));
  leave_nothing(node, {});
  for (const char* type : {"../fake", "/bin/sh", "..", "a b\n"}) {
    const Answer refused = node.add(pod, delegated({{"type", type}}), with_path("/bin"));
    CHECK(refused.code() == 7);
  }
}

TEST_CASE("a delegate's failing DEL keeps the record for the next try", "[delegate]") {
  Node node;
  const Fake fake(std::string(kAnswer) +
                  "\n[ $CNI_COMMAND = DEL ] && [ ! -e /run/fake-well ] && { echo "
                  "'{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"busy\"}'; exit 1; }\nexit 0");
  run("rm -f /run/fake-well");
  const Pod pod("a");
  const Node::Env env = with_path(fake.folder());
  node.must_add(pod, fake_conf(), env);
  const Answer failed = node.del(pod, fake_conf(), env);
  CHECK(failed.code() == 108);
  CHECK_THAT(told(failed), Contains("busy") && !Contains("not found"));
  must_run("touch /run/fake-well");
  node.must_del(pod, fake_conf(), env);
  leave_nothing(node, {});
  run("rm -f /run/fake-well");
}

TEST_CASE("killed between the delegate's ADD and the end of ours: DEL or GC gives the lease back", "[delegate][kill]") {
  const bool gc = GENERATE(false, true);
  Node node;
  // It kills whoever called it, once it has given the address.
  const Fake fake(std::string(kAnswer) + "\n[ $CNI_COMMAND = ADD ] && kill -9 $PPID\nexit 0");
  Pod pod("a");
  const Node::Env env = with_path(fake.folder());
  CHECK(node.add(pod, fake_conf(), env).status == 137);
  if (gc) {
    pod.remove();
    json conf = fake_conf();
    conf["cni.dev/valid-attachments"] = json::array();
    const Answer collected = node.call("GC", pod, conf, env);
    CAPTURE(told(collected));
    CHECK(collected.ok());
    CHECK_THAT(fake.calls(), Contains("ADD DEL"));
  } else {
    node.must_del(pod, fake_conf(), env);
    CHECK(fake.calls() == "ADD DEL ");
  }
  leave_nothing(node, {});
}

TEST_CASE("a DEL that comes while the delegate is at work wins, and no lease stays", "[delegate]") {
  Node node;
  const Fake fake(std::string("[ $CNI_COMMAND = ADD ] && sleep 1\n") + kAnswer);
  const Pod pod("a");
  const Node::Env env = with_path(fake.folder());
  must_run("(while ! grep -q ADD " + fake.log() + "; do sleep 0.1; done; echo '" +
           fake_conf({{"stateDir", node.state()}}).dump() +
           "' | CNI_COMMAND=DEL CNI_CONTAINERID=a CNI_IFNAME=eth0 CNI_NETNS=" + pod.path() +
           " CNI_PATH=" + fake.folder() + " " + trestle_program() + ") > /run/del.log 2>&1 &");
  const Answer added = node.add(pod, fake_conf(), env);
  CAPTURE(told(added), run("cat /run/del.log").out);
  CHECK_FALSE(added.ok());
  leave_nothing(node, {});
  CHECK(fake.calls() == "ADD DEL DEL ");
}
