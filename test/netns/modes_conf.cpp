// Every file of conf/ does on a host with its NICs what a runtime asks: ADD, CHECK, a neighbour answers, DEL, nothing left.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "nat_guest.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

json plugin_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  const json list = json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
  for (json plugin : list.at("plugins")) {
    if (plugin.at("type") != "trestle") continue;
    plugin["name"] = list.at("name");
    plugin["cniVersion"] = "1.1.0";  // the newest that the list allows, for STATUS
    return plugin;
  }
  throw std::runtime_error("no trestle in " + file.string());
}

bool mentions(const json& conf, const char* key) { return conf.contains(key); }

bool kernel_filters_vlans() {
  const bool can = run("ip link add probe0 type bridge vlan_filtering 1").ok();
  run("ip link del probe0");
  return can;
}

bool kernel_bonds() {
  const bool can = run("ip link add probe0 type bond").ok();
  run("ip link del probe0");
  return can;
}

}  // namespace

TEST_CASE("every ready-made configuration works", "[modes][conf]") {
  std::size_t tried = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TRESTLE_CONF_DIR)) {
    if (entry.path().extension() != ".conflist") continue;
    const json conf = plugin_of(entry.path());
    CAPTURE(entry.path().filename().string());
    Node node;
    // NICs on a LAN of their own, and the way out.
    must_run("ip link add lan0 type bridge && ip link set lan0 up");
    for (const char* n : {"1", "2", "3"})
      must_run(std::string("ip link add eth") + n + " type veth peer name plug" + n + " && ip link set plug" + n +
               " master lan0 up && bridge link set dev plug" + n + " learning off && ip link set eth" + n +
               " up && ip link show eth" + n);
    must_run("ip link add br-lan type bridge && ip link set br-lan up");
    if (conf.value("mode", "") == "routed" && mentions(conf, "uplink"))
      must_run("ip addr add 192.0.2.2/24 dev eth1; ip addr add 2001:db8::2/64 dev eth1 nodad");
    const bool lacks_vlans = (mentions(conf, "vlan") || mentions(conf, "vlanTrunk")) && !kernel_filters_vlans();
    const bool lacks_bonds =
        mentions(conf, "uplink") && conf["uplink"].is_object() && conf["uplink"].contains("bond") && !kernel_bonds();
    // Delegates have tests of their own, with the servers that they need.
    const bool delegated = mentions(conf, "ipam") && conf["ipam"].value("type", "trestle") != "trestle";
    if (lacks_vlans || lacks_bonds || delegated) {
      std::printf("SKIPPED conf/%s: %s\n", entry.path().filename().c_str(),
                  delegated ? "its IPAM is another plugin's" : "this kernel lacks VLAN filtering or bonds");
      continue;
    }
    node.settle();
    const Guest a(node, "a", conf), b(node, "b", conf);
    const Answer checked = node.check(a.pod(), a.added(), conf);
    CAPTURE(told(checked));
    CHECK(checked.ok());
    CHECK(node.status(conf).ok());
    if (!conf.value("portIsolation", false))
      for (const std::string& to : b.addresses())
        if (!to.empty()) CHECK(ping(a.netns(), to) == Reach::connected);
    a.leave();
    b.leave();
    must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding; echo 0 > /proc/sys/net/ipv6/conf/eth1/proxy_ndp");
    CHECK(node.left() == kNothing);
    ++tried;
  }
  CHECK(tried >= 6);
}
