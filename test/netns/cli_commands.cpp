// What a person types, against the real kernel; ip and nft are the witnesses.
#include <catch2/catch.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "support/plugin.h"
#include "support/scratch.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr const char* kConf = R"({"cniVersion":"1.1.0","name":"demo","plugins":[
  {"type":"trestle","mode":"nat","subnets":["10.88.0.0/16","fd88::/64"],"capabilities":{"ips":true}}]})";

// A host, two pods' namespaces, and the commands.
struct Desk {
  ScratchHost host;
  Pod a{"pod-a"}, b{"pod-b"};
  Ran say(std::vector<std::string> words, const std::string& in = kConf) const {
    return trestle_command(words, {{"TRESTLE_STATE_DIR", host.state_dir()}}, in);
  }
  void add(const Pod& pod) const { REQUIRE(say({"add", "-", "--netns", pod.name()}).ok()); }
  json ps() const { return json::parse(say({"ps", "--json"}).out); }
  json of(const std::string& container) const {
    for (const json& one : ps())
      if (one["container"] == container) return one;
    return nullptr;
  }
  std::string host_link(const std::string& container) const { return of(container)["hostLink"]; }
  bool is_empty() const {
    return must_run("ls /sys/class/net | grep -vx bonding_masters") == "lo\n" && must_run("nft list ruleset").empty();
  }
};

}  // namespace

TEST_CASE("a person attaches a namespace by its name, sees it, and takes it away again", "[cli]") {
  const Desk desk;
  const Ran added = desk.say({"add", "-", "--netns", "pod-a"});
  CAPTURE(added.err);
  REQUIRE(added.ok());
  CHECK_THAT(added.out, Contains("pod-a is attached to network demo:") &&
                            Contains("pod:eth0: address 10.88.0.2/16, gateway 10.88.0.1"));
  CHECK_THAT(desk.a.must_exec("ip -o addr show dev eth0"), Contains("10.88.0.2/16") && Contains("fd88::2/64"));
  const json seen = desk.ps();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0]["network"] == "demo");
  CHECK(seen[0]["container"] == "pod-a");
  CHECK(seen[0]["ifname"] == "eth0");
  CHECK(seen[0]["addresses"] == json({"10.88.0.2/16", "fd88::2/64"}));
  CHECK(seen[0]["health"] == "ok");
  CHECK_THAT(must_run("ip -o link show dev " + seen[0]["hostLink"].get<std::string>()), Contains("master trdemo"));
  CHECK_THAT(desk.a.must_exec("ip -o link show dev eth0"), Contains(seen[0]["mac"].get<std::string>()));
  CHECK(desk.say({"del", "-", "--netns", "pod-a"}).out == "pod-a eth0 is detached from network demo\n");
  CHECK(desk.say({"del", "-", "--netns", "pod-a"}).out == "pod-a eth0 was not attached to network demo\n");
  CHECK(desk.ps().empty());
  CHECK(desk.is_empty());
}

TEST_CASE("plan tells what add then makes", "[cli][plan]") {
  const Desk desk;
  desk.add(desk.b);
  const json planned = json::parse(desk.say({"plan", "-", "--netns", "pod-a", "--json"}).out);
  const Ran added = desk.say({"add", "-", "--netns", "pod-a", "--json"});
  REQUIRE(added.ok());
  CHECK(json::parse(added.out) == planned["result"]);
  const json inspected = json::parse(desk.say({"inspect", "pod-a", "--json"}).out).at(0);
  CHECK(inspected["attachment"] == planned["attachment"]);
  CHECK(inspected["shared"] == planned["shared"]);
  CHECK(inspected["defects"].empty());
}

TEST_CASE("plan changes nothing and makes no store", "[cli][plan]") {
  const Desk desk;
  CHECK(desk.say({"plan", "-"}).ok());
  CHECK(desk.is_empty());
  CHECK_FALSE(run("test -e " + desk.host.state_dir()).ok());
}

TEST_CASE("a requested address is passed on as a runtime would", "[cli]") {
  const Desk desk;
  const Ran added = desk.say({"add", "-", "--netns", "pod-a", "--cap-args",
                              R"({"ips":["10.88.9.9/16","fd88::99/64"],"mac":"02:00:00:00:00:09"})"});
  REQUIRE(added.ok());
  CHECK_THAT(added.err, Contains("add \"capabilities\": {\"mac\": true}"));
  CHECK(desk.of("pod-a")["addresses"] == json({"10.88.9.9/16", "fd88::99/64"}));
  CHECK(desk.of("pod-a")["mac"] != "02:00:00:00:00:09");
}

TEST_CASE("check names what a foreign hand changed, and repair makes it again", "[cli][check]") {
  struct Row {
    const char* what;
    const char* change;
    const char* told;
  };
  const auto row = GENERATE(values<Row>({
      {"link down", "ip link set $LINK down", "is down"},
      {"out of its switch", "ip link set $LINK nomaster", "$LINK"},
      {"gateway address", "ip addr del 10.88.0.1/16 dev trdemo", "10.88.0.1/16"},
      {"pod's address", "ip -n pod-a addr del fd88::2/64 dev eth0", "fd88::2/64"},
      {"pod's route", "ip -n pod-a route del default", "0.0.0.0/0"},
      {"ruleset", "nft flush ruleset", "nftables table trestle is gone"},
      {"an element", "nft delete element bridge trestle ports '{ \"$LINK\" }'", "$LINK"},
  }));
  CAPTURE(row.what);
  const Desk desk;
  desk.add(desk.a);
  desk.add(desk.b);
  CHECK(desk.say({"check"}).out == "all 2 attachments are as configured\n");
  const std::string link = desk.host_link("pod-a");
  const auto with_link = [&](std::string text) {
    for (std::size_t at = text.find("$LINK"); at != std::string::npos; at = text.find("$LINK"))
      text.replace(at, 5, link);
    return text;
  };
  must_run(with_link(row.change));
  const Ran checked = desk.say({"check"});
  CHECK(checked.status == 1);
  CHECK_THAT(checked.out, Contains(with_link(row.told)) && Contains("1 defect in 2 attachments"));
  CHECK(json::parse(desk.say({"check", "--json"}).out)["defects"].size() == 1);
  const Ran repaired = desk.say({"repair"});
  CAPTURE(repaired.out, repaired.err);
  CHECK(repaired.ok());
  CHECK(desk.say({"check"}).out == "all 2 attachments are as configured\n");
}

TEST_CASE("ps tells health from a quick look", "[cli][ps]") {
  const Desk desk;
  desk.add(desk.a);
  const std::string link = desk.host_link("pod-a");
  must_run("ip link set " + link + " down");
  CHECK(desk.of("pod-a")["health"] == "down");
  must_run("ip link set " + link + " up nomaster");
  CHECK(desk.of("pod-a")["health"] == "degraded");
  must_run("ip link del " + link);
  CHECK(desk.of("pod-a")["health"] == "degraded");
}

TEST_CASE("gc removes who lost its pod and nobody else", "[cli][gc]") {
  Desk desk;
  desk.add(desk.a);
  desk.add(desk.b);
  const std::string link = desk.host_link("pod-a");
  desk.a.remove();
  must_run("for i in $(seq 200); do ip link show dev " + link +
           " > /dev/null 2>&1 || exit 0; sleep 0.02; done; exit 1");
  CHECK(desk.of("pod-a")["health"] == "gone");
  CHECK(desk.say({"check"}).status == 1);
  CHECK_THAT(desk.say({"gc", "--dry-run"}).out,
             Contains("demo: pod-a eth0 (10.88.0.2/16, fd88::2/64)") && Contains("1 attachment would be removed"));
  CHECK(desk.ps().size() == 2);
  CHECK_THAT(desk.say({"gc"}).out, Contains("1 attachment removed"));
  CHECK(desk.ps().size() == 1);
  CHECK(desk.of("pod-b")["health"] == "ok");
  CHECK(desk.say({"check"}).ok());
  CHECK(desk.say({"gc"}).out == "no attachment has lost its pod\n");
}

TEST_CASE("gc of one network's file leaves the others' dead alone", "[cli][gc]") {
  Desk desk;
  desk.add(desk.a);
  const std::string link = desk.host_link("pod-a");
  desk.a.remove();
  must_run("for i in $(seq 200); do ip link show dev " + link +
           " > /dev/null 2>&1 || exit 0; sleep 0.02; done; exit 1");
  CHECK(desk.say({"gc", "-"}, R"({"cniVersion":"1.1.0","name":"other","type":"trestle"})").out ==
        "no attachment has lost its pod\n");
  CHECK(desk.ps().size() == 1);
  CHECK_THAT(desk.say({"gc", "-"}).out, Contains("1 attachment removed"));
  CHECK(desk.is_empty());
}

TEST_CASE("inspect finds an attachment by address, link and pod", "[cli][inspect]") {
  const Desk desk;
  REQUIRE(desk.say({"add", "-", "--netns", "pod-a", "--args", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"}).ok());
  const std::string link = desk.host_link("pod-a");
  for (const std::string& word :
       {std::string("pod-a"), std::string("web"), std::string("10.88.0.2"), std::string("fd88::2"), link}) {
    CAPTURE(word);
    CHECK_THAT(desk.say({"inspect", word}).out,
               Contains("pod         default/web\n") && Contains("check:\n  everything is as it was made\n"));
  }
  CHECK(desk.say({"inspect", "nobody"}).status == 1);
  CHECK(desk.say({"inspect", "pod-a", "--ifname", "eth9"}).err == "trestle inspect: 'pod-a' has no NIC 'eth9'\n");
}

TEST_CASE("status says how full the pools are", "[cli][status]") {
  const Desk desk;
  desk.add(desk.a);
  const Ran said = desk.say({"status", "-"});
  CAPTURE(said.err);
  CHECK(said.ok());
  CHECK_THAT(said.out,
             Contains("network demo can take attachments") && Contains("10.88.0.2-10.88.255.254: 1 of 65533 in use"));
}

TEST_CASE("a namespace that is not there is told in a sentence, and nothing is left", "[cli]") {
  const Desk desk;
  const Ran said = desk.say({"add", "-", "--netns", "nobody"});
  CHECK(said.status == 1);
  CHECK(said.out.empty());
  CHECK(said.err ==
        "trestle add: there is no network namespace /run/netns/nobody\n    'ip netns add nobody' makes it\n");
  CHECK(desk.is_empty());
}

TEST_CASE("graph draws the node's network", "[cli][graph]") {
  const Desk desk;
  CHECK_THAT(desk.say({"graph"}).out, Catch::StartsWith("digraph trestle {"));
  desk.add(desk.a);
  desk.add(desk.b);
  const Ran drawn = desk.say({"graph"});
  REQUIRE(drawn.ok());
  for (const char* pod : {"pod-a", "pod-b"}) {
    CHECK_THAT(drawn.out, Contains("\"pod " + std::string(pod) + " eth0\" -> \"switch trdemo\" [label=\"" +
                                   desk.of(pod)["hostLink"].get<std::string>() + "\"]"));
  }
  CHECK_THAT(drawn.out, Contains("10.88.0.1/16\\nfd88::1/64") && Contains("10.88.0.2/16") && !Contains("red"));
  must_run("ip link set " + desk.of("pod-a")["hostLink"].get<std::string>() + " down");
  CHECK_THAT(desk.say({"graph"}).out, Contains("tooltip=\"down\""));
}
