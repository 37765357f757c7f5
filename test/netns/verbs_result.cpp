// What ADD answers, byte by byte what each version of the specification asks for, and that the kernel agrees.
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Names and MACs are hashes that no release may change: DEL of a newer one must find what an older one made.
constexpr const char* kAnswers[][2] = {
    {"0.1.0", R"({"cniVersion":"0.1.0","dns":{"nameservers":["10.88.0.1"]},
      "ip4":{"ip":"10.88.0.2/16","gateway":"10.88.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.88.0.1"}]},
      "ip6":{"ip":"fd88::2/64","gateway":"fd88::1","routes":[{"dst":"::/0","gw":"fd88::1"}]}})"},
    {"0.3.0", R"({"cniVersion":"0.3.0","dns":{"nameservers":["10.88.0.1"]},
      "interfaces":[{"name":"trdemo","mac":"02:4f:35:2b:b1:0f"},{"name":"veth70a835970b6","mac":"fe:5d:b8:7c:29:39"},
                    {"name":"eth0","mac":"02:5d:b8:7c:29:39","sandbox":"/run/netns/c1"}],
      "ips":[{"version":"4","interface":2,"address":"10.88.0.2/16","gateway":"10.88.0.1"},
             {"version":"6","interface":2,"address":"fd88::2/64","gateway":"fd88::1"}],
      "routes":[{"dst":"0.0.0.0/0","gw":"10.88.0.1"},{"dst":"::/0","gw":"fd88::1"}]})"},
    {"1.0.0", R"({"cniVersion":"1.0.0","dns":{"nameservers":["10.88.0.1"]},
      "interfaces":[{"name":"trdemo","mac":"02:4f:35:2b:b1:0f"},{"name":"veth70a835970b6","mac":"fe:5d:b8:7c:29:39"},
                    {"name":"eth0","mac":"02:5d:b8:7c:29:39","sandbox":"/run/netns/c1"}],
      "ips":[{"interface":2,"address":"10.88.0.2/16","gateway":"10.88.0.1"},{"interface":2,"address":"fd88::2/64","gateway":"fd88::1"}],
      "routes":[{"dst":"0.0.0.0/0","gw":"10.88.0.1"},{"dst":"::/0","gw":"fd88::1"}]})"},
    {"1.1.0", R"({"cniVersion":"1.1.0","dns":{"nameservers":["10.88.0.1"]},
      "interfaces":[{"name":"trdemo","mac":"02:4f:35:2b:b1:0f","mtu":1500},{"name":"veth70a835970b6","mac":"fe:5d:b8:7c:29:39","mtu":1500},
                    {"name":"eth0","mac":"02:5d:b8:7c:29:39","mtu":1500,"sandbox":"/run/netns/c1"}],
      "ips":[{"interface":2,"address":"10.88.0.2/16","gateway":"10.88.0.1"},{"interface":2,"address":"fd88::2/64","gateway":"fd88::1"}],
      "routes":[{"dst":"0.0.0.0/0","gw":"10.88.0.1"},{"dst":"::/0","gw":"fd88::1"}]})"},
};

json answer_of(const std::string& version) {
  std::string shape = version;
  if (version.empty() || version == "0.2.0") shape = "0.1.0";
  if (version == "0.3.1" || version == "0.4.0") shape = "0.3.0";
  for (const auto& [of, text] : kAnswers)
    if (of == shape) {
      json answer = json::parse(text);
      answer["cniVersion"] = version.empty() ? "0.1.0" : version;
      return answer;
    }
  return nullptr;
}

json route_to(const json& routes, const std::string& dst) {
  for (const json& route : routes)
    if (route.at("dst") == dst) return route;
  return nullptr;
}

}  // namespace

TEST_CASE("ADD answers in the shape of the config's version, exactly", "[verbs][result]") {
  const auto version = GENERATE(as<std::string>{}, "", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0");
  CAPTURE(version);
  const Node node;
  const Pod pod("c1");
  json conf = demo_with({{"cniVersion", version}, {"dns", {{"nameservers", {"10.88.0.1"}}}}});
  if (version.empty()) conf.erase("cniVersion");
  const Answer added = node.add(pod, conf);
  CAPTURE(added.err);
  REQUIRE(added.ok());
  CHECK(added.json == answer_of(version));
  CHECK(node.del(pod, conf).out.empty());
  CHECK(node.left() == kNothing);
}

TEST_CASE("without DNS settings, results before 1.0.0 still have a dns object", "[verbs][result]") {
  const Node node;
  const Pod pod("c1");
  CHECK(node.must_add(pod, demo_conf("0.4.0")).json.at("dns") == json::object());
  node.must_del(pod);
  CHECK_FALSE(node.must_add(pod, demo_conf("1.0.0")).json.contains("dns"));
}

TEST_CASE("two addresses of one family are refused where the version has no room for them", "[verbs][result]") {
  const auto version = GENERATE(as<std::string>{}, "0.1.0", "0.2.0");
  const Node node;
  const Pod pod("c1");
  const json conf{{"cniVersion", version},
                  {"name", "two"},
                  {"type", "trestle"},
                  {"ipam", {{"ranges", {{{{"subnet", "10.1.0.0/24"}}}, {{{"subnet", "10.2.0.0/24"}}}}}}}};
  const Answer refused = node.add(pod, conf);
  CHECK(refused.code() == 7);
  CHECK(refused.json.at("cniVersion") == version);
  CHECK(node.left() == kNothing);
}

TEST_CASE("what the result says is what the kernel has", "[verbs][result]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod, demo_with({{"mtu", 1400}}));
  const json& nics = added.json.at("interfaces");
  REQUIRE(nics.size() == 3);
  for (const json& nic : nics) {
    const std::string show = "ip -j link show dev " + nic.at("name").get<std::string>();
    const json link = json::parse(nic.contains("sandbox") ? pod.must_exec(show) : must_run(show)).at(0);
    CHECK(link.at("address") == nic.at("mac"));
    CHECK(link.at("mtu") == nic.at("mtu"));
    CHECK(nic.at("mtu") == 1400);
  }
  CHECK_THAT(pod.must_exec("ip -o addr show dev eth0"),
             Contains("10.88.0.2/16") && Contains("fd88::2/64 scope global nodad"));
  CHECK(json::parse(pod.must_exec("ip -j route show default")).at(0).at("gateway") == "10.88.0.1");
  CHECK(json::parse(pod.must_exec("ip -j -6 route show default")).at(0).at("gateway") == "fd88::1");
}

TEST_CASE("a route's mtu, advmss, priority, table and scope arrive in the kernel and in the result",
          "[verbs][result]") {
  const Node node;
  const Pod pod("c1");
  const json full{{"dst", "10.99.0.0/16"}, {"gw", "10.88.0.9"}, {"mtu", 1300}, {"advmss", 1200},
                  {"priority", 77},        {"table", 42},       {"scope", 0}};
  const json six{{"dst", "fd99::/64"}, {"gw", "fd88::9"}, {"mtu", 1400},
                 {"advmss", 1300},     {"priority", 78},  {"table", 43}};
  const json link{{"dst", "10.98.0.0/16"}, {"scope", 253}};
  const json ranges{{{{"subnet", "10.88.0.0/16"}}}, {{{"subnet", "fd88::/64"}}}};
  const json conf{{"cniVersion", "1.1.0"},
                  {"name", "demo"},
                  {"type", "trestle"},
                  {"ipam", {{"ranges", ranges}, {"routes", {full, six, {{"dst", "10.97.0.0/16"}}}}}}};
  const Answer added = node.must_add(pod, conf);
  CHECK(route_to(added.json.at("routes"), "10.99.0.0/16") == full);
  CHECK(route_to(added.json.at("routes"), "fd99::/64") == six);
  CHECK(route_to(added.json.at("routes"), "10.97.0.0/16") == json({{"dst", "10.97.0.0/16"}, {"gw", "10.88.0.1"}}));
  CHECK(added.json.at("routes").size() == 5);  // and the two default routes

  const json four = json::parse(pod.must_exec("ip -j -4 route show table 42")).at(0);
  CHECK(four.at("dst") == "10.99.0.0/16");
  CHECK(four.at("gateway") == "10.88.0.9");
  CHECK(four.at("metric") == 77);
  CHECK(four.at("metrics").at(0) == json({{"mtu", 1300}, {"advmss", 1200}}));
  const json found = json::parse(pod.must_exec("ip -j -6 route show table 43")).at(0);
  CHECK(found.at("dst") == "fd99::/64");
  CHECK(found.at("gateway") == "fd88::9");
  CHECK(found.at("metric") == 78);
  CHECK(found.at("metrics").at(0) == json({{"mtu", 1400}, {"advmss", 1300}}));
  CHECK(node.check(pod, added, conf).ok());
}

TEST_CASE("a default route of the config's own is the only one", "[verbs][result]") {
  const Node node;
  const Pod pod("c1");
  const json conf{{"cniVersion", "1.1.0"},
                  {"name", "demo"},
                  {"type", "trestle"},
                  {"ipam", {{"subnet", "10.88.0.0/16"}, {"routes", {{{"dst", "0.0.0.0/0"}, {"gw", "10.88.0.9"}}}}}}};
  const Answer added = node.must_add(pod, conf);
  CHECK(added.json.at("routes") == json::parse(R"([{"dst":"0.0.0.0/0","gw":"10.88.0.9"}])"));
  CHECK(json::parse(pod.must_exec("ip -j route show default")).size() == 1);
  const Pod other("c2");
  json without = demo_with({{"defaultRoute", false}});
  without["subnets"] = {"10.88.0.0/16"};
  CHECK_FALSE(node.must_add(other, without).json.contains("routes"));
  CHECK(other.must_exec("ip route show default").empty());
}

TEST_CASE("the result of a plugin before us is passed on, ours behind it", "[verbs][result]") {
  const Node node;
  const Pod pod("c1");
  const json prev = json::parse(
      R"({"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/c1"}],
      "ips":[{"address":"192.168.7.2/24","gateway":"192.168.7.1","interface":0}],"routes":[{"dst":"192.168.0.0/16","gw":"192.168.7.1"}],
      "dns":{"nameservers":["192.168.7.1"]}})");
  const Answer added =
      node.must_add(pod, demo_with({{"prevResult", prev}, {"defaultRoute", false}}), {{"CNI_IFNAME", "net1"}});
  const json& merged = added.json;
  REQUIRE(merged.at("interfaces").size() == 4);
  CHECK(merged["interfaces"][0] == prev["interfaces"][0]);
  CHECK(merged["interfaces"][3]["name"] == "net1");
  REQUIRE(merged.at("ips").size() == 3);
  CHECK(merged["ips"][0] == prev["ips"][0]);
  CHECK(merged["ips"][1]["interface"] == 3);
  CHECK(merged["routes"] == prev["routes"]);
  CHECK(merged["dns"] == prev["dns"]);
  CHECK(node.check(pod, added, demo_conf(), {{"CNI_IFNAME", "net1"}}).ok());
}

TEST_CASE("VERSION names the versions, echoing the caller's", "[verbs][result]") {
  const Node node;
  const auto version = GENERATE(as<std::string>{}, "0.1.0", "1.1.0", "9.9.9");
  const Answer said = node.call({"VERSION", "", "", "", {{"cniVersion", version}}, {}});
  CHECK(said.ok());
  CHECK(said.json == json{{"cniVersion", version},
                          {"supportedVersions", {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}}});
  CHECK(files_below(node.state()) == kNothing);
}

TEST_CASE("without a verb and without words the program helps, and does nothing", "[verbs]") {
  const Node node;
  const Ran said = node.command({});
  CHECK(said.ok());
  CHECK_THAT(said.out + said.err, Contains("CNI") && Contains("plan") && Contains("repair"));
  CHECK(node.left() == kNothing);
  CHECK(files_below(node.state()) == kNothing);
}
