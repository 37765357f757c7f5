// Every file of conf/ does on a host with its NICs what a runtime asks: ADD, CHECK, a neighbour answers, DEL, nothing left.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "chained_conf.h"
#include "delegate_dhcp.h"
#include "nat_guest.h"
#include "publish_conf.h"
#include "shape_conf.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

json list_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

// The values of a runtime for one pod.
json runtime() { return {{"bandwidth", limits(8 * kMbit, 8 * kMbit)}, {"portMappings", both_protocols(8080)}}; }

const json* ours(const json& list) {
  for (const json& plugin : list.at("plugins"))
    if (plugin.at("type") == "trestle") return &plugin;
  return nullptr;
}

std::string delegate_of(const json& conf) {
  const std::string type = conf.contains("ipam") ? conf["ipam"].value("type", "trestle") : "trestle";
  return type == "trestle" ? "" : type;
}

bool debians(const std::string& plugin) { return ::access((std::string(kPlugins) + "/" + plugin).c_str(), X_OK) == 0; }

// Why this file cannot be tried here; "" when it can.
std::string hindrance(const json& list) {
  for (const json& plugin : list.at("plugins"))
    if (plugin.at("type") != "trestle" && !debians(plugin.at("type"))) return "containernetworking-plugins";
  const std::string delegate = delegate_of(*ours(list));
  if (!delegate.empty() && !debians(delegate)) return "containernetworking-plugins";
  if (delegate == "dhcp" && !Dhcp::installed()) return "dnsmasq";
  return {};
}

// The kernel's lack; "" when it has all.
std::string lack(const json& conf) {
  if ((conf.contains("vlan") || conf.contains("vlanTrunk")) && !kernel_has_vlan_filtering()) return "VLAN filtering";
  if (conf.contains("uplink") && conf["uplink"].is_object() && conf["uplink"].contains("bond") && !kernel_has_bonding())
    return "bonding";
  return {};
}

// NICs eth1 to eth3 on a LAN of their own, and a bridge "br-lan" that somebody made.
void make_host(const json& conf) {
  must_run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");  // its end would be a change
  must_run("ip link add lan0 type bridge && ip link set lan0 up");
  for (const char* n : {"1", "2", "3"})
    must_run(std::string("ip link add eth") + n + " type veth peer name plug" + n + " && ip link set plug" + n +
             " master lan0 up && bridge link set dev plug" + n + " learning off && ip link set eth" + n +
             " up && ip link show eth" + n);
  must_run(
      "ip link add br-lan type bridge && ip link set eth3 master br-lan && bridge link set dev eth3 learning off && "
      "ip link set br-lan up && ip link show br-lan");
  const bool takes =
      conf.contains("uplink") && conf["uplink"].is_object() && conf["uplink"].value("takeAddresses", false);
  if (takes || (conf.value("mode", "") == "routed" && conf.contains("uplink")))
    must_run("ip addr add 192.0.2.2/24 dev eth1; ip addr add 2001:db8::2/64 dev eth1 nodad");
  if (conf.contains("overlay"))  // one of its nodes
    must_run("ip addr add 192.0.2.11/24 dev eth1 && ip route add default via 192.0.2.1 && ip link show eth1");
  if (delegate_of(conf) == "dhcp") must_run("ip addr add 192.0.2.1/24 dev lan0");
}

// A pod without addresses of ours is given one by hand, as its DHCP client would.
std::vector<std::string> by_hand(const Guest& guest, int number) {
  if (!guest.ip4().empty() || !guest.ip6().empty()) return guest.addresses();
  const std::string ip = "192.0.2." + std::to_string(200 + number);
  guest.pod().must_exec("ip addr add " + ip + "/24 dev eth0");
  return {ip, ""};
}

void try_alone(const Node& node, json conf) {
  conf["cniVersion"] = "1.1.0";  // the newest that the list allows, for STATUS
  const json wants = conf.value("capabilities", json::object());
  const Node::Env env = delegate_of(conf).empty() ? Node::Env{} : Node::Env{{"CNI_PATH", kPlugins}};
  json first = conf;
  const json values = runtime();
  for (const auto& [name, value] : values.items())
    if (wants.value(name, false)) first["runtimeConfig"][name] = value;
  const Guest a(node, "a", first, env), b(node, "b", conf, env);
  const Answer checked = node.check(a.pod(), a.added(), first, env);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  CHECK(node.call("STATUS", a.pod(), conf, env).ok());
  const bool for_guest = conf.value("device", "veth") == "tap";  // real ones: hack/guests
  if (for_guest) {
    CHECK_THAT(a.pod().must_exec("ip -d link show tap0"), Catch::Contains("tun type tap"));
  } else {
    by_hand(a, 1);
  }
  if (!for_guest && !conf.value("portIsolation", false))
    for (const std::string& to : by_hand(b, 2))
      if (!to.empty()) CHECK(ping(a.netns(), to) == Reach::connected);
  if (wants.value("portMappings", false) && !for_guest)
    CHECK(tcp_talk(node.host().netns(), "127.0.0.1", 8080).reach == Reach::connected);
  if (wants.value("bandwidth", false)) CHECK(run("tc qdisc show dev " + a.host_link() + " | grep tbf").ok());
  node.must_del(a.pod(), first, env);
  node.must_del(b.pod(), conf, env);
}

void try_chain(const Node& node, const json& list) {
  const Pod pod("a");
  const Echo echo(pod.netns(), kEcho);
  Chain chain(node, list.at("plugins"), runtime());
  const json& result = chain.must_add(pod);
  CAPTURE(result.dump());
  const std::string cidr = result.at("ips").at(0).at("address"), ip = cidr.substr(0, cidr.find('/'));
  const auto is_tap = [](const json& plugin) { return plugin.value("device", "") == "tap"; };
  const json& plugins = list.at("plugins");
  if (std::any_of(plugins.begin(), plugins.end(), is_tap)) {
    CHECK_THAT(pod.must_exec("ip -d link show tap0"), Catch::Contains("tun type tap"));
  } else {
    CHECK(ping(node.host().netns(), ip) == Reach::connected);
    CHECK(tcp_talk(node.host().netns(), "127.0.0.1", 8080).reach == Reach::connected);
  }
  const Answer checked = chain.check(pod);
  CAPTURE(told(checked));
  CHECK(checked.ok());
  chain.must_del(pod);
  run("ip link del cni0; nft delete table ip nat");  // what Debian's bridge and ptp leave
}

// In the emulated machine only what needs its kernel: all of them took it four minutes.
bool left_out(const json& conf) {
  const bool needs = conf.contains("vlan") || conf.contains("vlanTrunk") ||
                     (conf.contains("uplink") && conf["uplink"].is_object() && conf["uplink"].contains("bond"));
  return std::getenv("TRESTLE_TEST_IN_VM") != nullptr && !needs;
}

bool tried(const std::filesystem::path& file) {
  const json list = list_of(file);
  REQUIRE(ours(list));
  json conf = *ours(list);
  conf["name"] = list.at("name");
  if (left_out(conf)) return false;
  const std::string name = "conf/" + file.filename().string();
  CAPTURE(name);
  if (const std::string what = lack(conf); !what.empty()) {
    lacks(name + ": this kernel has no " + what);
    return false;
  }
  if (const std::string what = hindrance(list); !what.empty()) {
    std::printf("SKIPPED %s: %s is not installed\n", name.c_str(), what.c_str());
    return false;
  }
  Node node;
  make_host(conf);
  std::optional<Dhcp> dhcp;
  if (delegate_of(conf) == "dhcp") dhcp.emplace(node.host().netns(), "lan0");
  run("rm -rf /run/cni/networks");
  node.settle();
  if (list.at("plugins").size() == 1)
    try_alone(node, conf);
  else
    try_chain(node, list);
  CHECK(node.command({"uplink", "release"}).ok());
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding; echo 0 > /proc/sys/net/ipv6/conf/eth1/proxy_ndp");
  run("rm -rf /run/cni/networks");
  CHECK(node.left() == kNothing);
  return true;
}

}  // namespace

TEST_CASE("every ready-made configuration works", "[modes][conf]") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TRESTLE_CONF_DIR))
    if (entry.path().extension() == ".conflist" && tried(entry.path())) ++count;
  CHECK(count >= (std::getenv("TRESTLE_TEST_IN_VM") ? 3U : 10U));
}
