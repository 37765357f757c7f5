// Debian's host-local, static and dhcp give the addresses.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "delegate_conf.h"
#include "delegate_dhcp.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

bool has(const std::string& program) { return ::access(program.c_str(), X_OK) == 0; }
std::string plugin_file(const char* name) { return std::string(kPlugins) + "/" + name; }

}  // namespace

TEST_CASE("host-local gives the addresses, in the version that the configuration speaks or in 1.0.0",
          "[delegate][real]") {
  SKIP_IF(!has(plugin_file("host-local")), "containernetworking-plugins is not installed");
  const std::string version = GENERATE("1.1.0", "1.0.0", "0.4.0");
  CAPTURE(version);
  Node node;
  const Lan lan(node.host());
  must_run("rm -rf /run/host-local");
  node.settle();
  const json conf = delegated({{"type", "host-local"},
                               {"dataDir", "/run/host-local"},
                               {"ranges", {{{{"subnet", "10.66.0.0/24"}}}, {{{"subnet", "fd66::/64"}}}}},
                               {"routes", {{{"dst", "0.0.0.0/0"}}, {{"dst", "::/0"}}}}},
                              {{"cniVersion", version}});
  const Node::Env env = with_path(kPlugins);
  const Guest a(node, "a", conf, env), b(node, "b", conf, env);
  CHECK(a.ip4() == "10.66.0.2");
  CHECK(b.ip4() == "10.66.0.3");
  check_reaches(a.netns(), Lan::kOutside4, Lan::kHost4);
  check_reaches(a.netns(), Lan::kOutside6, Lan::kHost6);
  check_reaches(a.netns(), b.ip4(), a.ip4());
  const Answer checked = node.check(a.pod(), a.added(), conf, env);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK_THAT(node.command({"ps"}).out, Contains("10.66.0.2,fd66::2 ") && Contains("10.66.0.3,fd66::3 "));
  CHECK_THAT(run("ls /run/host-local/demo").out, Contains("10.66.0.2"));
  node.must_del(a.pod(), conf, env);
  CHECK_THAT(run("ls /run/host-local/demo").out, !Contains("10.66.0.2"));
  if (version == "1.1.0") {  // host-local knows neither
    CHECK(node.call("STATUS", b.pod(), conf, env).ok());
    json gc = conf;
    gc["cni.dev/valid-attachments"] = json::array();
    CHECK(node.call("GC", b.pod(), gc, env).ok());
    CHECK_THAT(run("ls /run/host-local/demo").out, !Contains("10.66.0.3"));
  }
  node.must_del(b.pod(), conf, env);
  leave_nothing(node, {});
  must_run("rm -rf /run/host-local");
}

TEST_CASE("static gives the addresses", "[delegate][real]") {
  SKIP_IF(!has(plugin_file("static")), "containernetworking-plugins is not installed");
  Node node;
  const Lan lan(node.host());
  must_run("ip addr flush dev uplink0");
  node.settle();
  const json conf = delegated({{"type", "static"},
                               {"addresses", {{{"address", "192.0.2.70/24"}, {"gateway", "192.0.2.1"}}}},
                               {"dns", {{"nameservers", {"192.0.2.1"}}}}},
                              {{"mode", "bridge"}, {"uplink", "uplink0"}, {"dns", {{"nameservers", {"9.9.9.9"}}}}});
  const Guest a(node, "a", conf, with_path(kPlugins));
  CHECK(a.added().json.at("dns").at("nameservers") ==
        json{"9.9.9.9"});  // the configuration's replace the IPAM's, whole
  check_reaches(a.netns(), Lan::kOutside4, "192.0.2.70");
  node.must_del(a.pod(), conf, with_path(kPlugins));
  leave_nothing(node, {});
}

TEST_CASE("static looks at the prevResult of a CHECK: in the version it is asked in, and for each NIC of the call",
          "[delegate][real]") {
  SKIP_IF(!has(plugin_file("static")), "containernetworking-plugins is not installed");
  const std::string version = GENERATE("0.4.0", "1.0.0", "1.1.0");  // it speaks 1.0.0 at most
  CAPTURE(version);
  const auto fixed = [](const char* address, const char* gateway) {
    return json{{"type", "static"}, {"addresses", {{{"address", address}, {"gateway", gateway}}}}};
  };
  const json second{{"name", "net1"}, {"mode", "routed"}, {"ipam", fixed("10.7.0.5/24", "10.7.0.1")}};
  const json conf = delegated(fixed("10.6.0.5/24", "10.6.0.1"), {{"cniVersion", version}, {"interfaces", {second}}});
  Node node;
  const Pod pod("a");
  Answer added = node.must_add(pod, conf, with_path(kPlugins));
  CHECK(told(node.check(pod, added, conf, with_path(kPlugins))) == "0 ");
  added.json["ips"][1]["gateway"] = "10.7.0.9";
  const Answer differs = node.check(pod, added, conf, with_path(kPlugins));
  CHECK(differs.code() == 105);
  CHECK_THAT(told(differs), Contains("IPAM plugin 'static', CHECK"));
  node.must_del(pod, conf, with_path(kPlugins));
  leave_nothing(node, {});
}

TEST_CASE("dhcp: a real server in the LAN gives the address, and gets it back", "[delegate][real]") {
  SKIP_IF(!Dhcp::installed(), "containernetworking-plugins or dnsmasq is not installed");
  Node node;
  const Lan lan(node.host());
  must_run("ip addr flush dev uplink0");
  const Dhcp dhcp(lan.netns(), "eth0");
  node.settle();
  const json conf = delegated({{"type", "dhcp"}}, {{"mode", "bridge"}, {"uplink", "uplink0"}});
  const Guest a(node, "a", conf, with_path(kPlugins));
  CAPTURE(run("cat /run/dhcp.log").out, told(a.added()));
  CHECK(a.ip4().starts_with("192.0.2."));
  CHECK_THAT(Dhcp::leases(), Contains(a.ip4()) && Contains(a.mac()));
  check_reaches(a.netns(), Lan::kOutside4, a.ip4());
  node.must_del(a.pod(), conf, with_path(kPlugins));
  CHECK_THAT(Dhcp::leases(), !Contains(a.mac()));
  leave_nothing(node, {});
}
