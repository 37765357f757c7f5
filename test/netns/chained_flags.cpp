// The port of another plugin's bridge has flags of its own, which are that plugin's to set.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "chained_conf.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("what another plugin said of its port stays while ours is chained behind it, and after our DEL",
          "[chained][flags]") {
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  const bool isolation = GENERATE(false, true);  // asked of ours
  CAPTURE(isolation);
  Node node;
  const Pod pod("a");
  Chain first(node, {debian_bridge()});
  json conf = behind({{"cniVersion", "1.0.0"}, {"name", "list"}, {"portIsolation", isolation}, {"spoofCheck", false}});
  conf["prevResult"] = first.must_add(pod);
  const std::string link = json::parse(must_run("ip -j link show master cbr0"))[0].at("ifname");
  const std::string flags = "bridge -d link show dev " + link + " | tr -s ' \\n' ' '";
  must_run("bridge link set dev " + link + " isolated on flood off mcast_flood off learning off");
  const std::string before = must_run(flags);
  const Answer added = node.must_add(pod, conf);
  const std::string between = must_run(flags);
  CHECK_THAT(between, Contains("isolated on") && Contains("learning off") && Contains(" flood off") &&
                          Contains("mcast_flood off") && Contains("guard on"));
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  must_run("bridge link set dev " + link + " isolated off");
  CHECK_THAT(told(node.check(pod, added, conf)), Contains("other flags: isolated"));
  node.must_del(pod, conf);
  CHECK(must_run(flags) == before);
  first.must_del(pod);
}

TEST_CASE("a pod whose pair ends in a third namespace does not get a stranger's port guarded", "[chained][flags]") {
  // The stranger's port has the number of that end, and its pod's eth0 the number of this pod's: it was locked to this pod's MAC.
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  Node node;
  const Pod pod("a"), stranger("b"), between("c");
  Chain chain(node, {debian_bridge()});
  chain.must_add(stranger);
  const json port = json::parse(must_run("ip -j link show master cbr0"))[0];
  const std::string its = std::to_string(port.at("ifindex").get<int>()),
                    eth0 = std::to_string(port.at("link_index").get<int>());
  must_run("ip -n c link add m0 index " + its + " type veth peer name eth0 index " + eth0 + " netns a");
  const std::string flags = "bridge -d link show dev " + std::string(port.at("ifname"));
  const std::string before = must_run(flags);
  json conf = behind({{"cniVersion", "1.0.0"}, {"name", "list"}});
  conf["prevResult"] = {{"cniVersion", "1.0.0"},
                        {"interfaces", {{{"name", "eth0"}, {"sandbox", pod.path()}}}},
                        {"ips", {{{"address", "10.66.0.99/24"}, {"interface", 0}}}}};
  const Answer refused = node.add(pod, conf);
  CHECK(refused.code() == 7);
  CHECK_THAT(told(refused), Contains("in another namespace than the host's"));
  CHECK(must_run(flags) == before);
  chain.must_del(stranger);
}

TEST_CASE("a chained pod whose host end was taken out of its bridge: CHECK and repair say so", "[chained][flags]") {
  // They told the kernel's "Device is not a bridge port", code 100.
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  Node node;
  const Pod pod("a");
  Chain chain(node, {debian_bridge(), behind()});
  chain.must_add(pod);
  const std::string link = json::parse(must_run("ip -j link show master cbr0"))[0].at("ifname");
  must_run("ip link set " + link + " nomaster");
  json conf = behind({{"cniVersion", "1.0.0"}, {"name", "list"}});
  conf["prevResult"] = chain.result();
  const Answer checked = node.call("CHECK", pod, conf);
  CHECK(checked.code() == 105);
  CHECK_THAT(told(checked), Contains("host:" + link + ":") && Contains("is no bridge port any more"));
  const Ran repaired = node.command({"repair"});
  CHECK_FALSE(repaired.ok());
  CHECK_THAT(repaired.out + repaired.err, Contains("is no bridge port any more"));
  must_run("ip link set " + link + " master cbr0");
  CHECK(node.command({"repair"}).ok());
  CHECK(node.call("CHECK", pod, conf).ok());
  chain.must_del(pod);
}

TEST_CASE("a foreign firewall before the ports of a chained pod is named for its bridge, with the remedy",
          "[chained][firewall]") {
  SKIP_IF(::access((std::string(kPlugins) + "/bridge").c_str(), X_OK) != 0,
          "containernetworking-plugins is not installed");
  Node node;
  const Pod pod("a");
  json conf = behind({{"cniVersion", "1.1.0"}, {"name", "list"}, {"capabilities", {{"portMappings", true}}}});
  Chain chain(node, {debian_bridge(), conf},
              {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 7}, {"protocol", "tcp"}}}}});
  chain.must_add(pod);
  must_run(
      "nft 'table ip filter { chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; "
      "}; chain DOCKER-USER { }; chain INPUT { type filter hook input priority filter; policy drop; }; }'");
  const std::string remedy =
      "Docker drops forwarded packets of switch cbr0: chain ip filter FORWARD lets pass only what it names; remedy: "
      "iptables -I DOCKER-USER -i cbr0 -j ACCEPT && iptables -I DOCKER-USER -o cbr0 -j ACCEPT";
  const Ran checked = node.command({"check"});
  CHECK_THAT(checked.err, Contains(remedy + "\n") && !Contains("INPUT"));
  const Answer status = node.status(conf);
  CHECK(status.ok());
  CHECK_THAT(status.err, Contains(remedy) && !Contains("INPUT"));
  must_run("nft delete table ip filter");
  CHECK(node.command({"check"}).err == "");
  chain.must_del(pod);
}
