#pragma once
// Nodes n1, n2, … on one underlay: each a namespace with eth0 at 192.0.2.1N/24 and 2001:db8::1N/64, its gateway the scratch host at .1, which is
// "outside" too. Pods are p1, p2, … on the node of that number.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nat_guest.h"
#include "support/plugin.h"

namespace trestle::test {

class Cluster {
 public:
  explicit Cluster(int nodes) {
    must_run("rm -rf /run/state-* && ls /run");
    must_run(
        "ip link add und type bridge && ip link set und up && ip addr add 192.0.2.1/24 dev und && "
        "ip addr add 2001:db8::1/64 dev und nodad && ip link show und");
    for (int n = 1; n <= nodes; ++n) {
      nodes_.push_back(std::make_unique<Pod>("n" + std::to_string(n)));
      const std::string at = std::to_string(n);
      must_run("ip link add u" + at + " type veth peer name eth0 netns n" + at + " && ip link set u" + at +
               " master und up && ip link show u" + at);
      nodes_.back()->must_exec("ip link set eth0 up && ip addr add 192.0.2.1" + at +
                               "/24 dev eth0 && ip addr add 2001:db8::1" + at +
                               "/64 dev eth0 nodad && ip route add default via 192.0.2.1 && ip -6 route add default "
                               "via 2001:db8::1 && ip link show eth0");
      pods_.push_back(std::make_unique<Pod>("p" + at));
    }
  }
  const Pod& node(int n) const { return *nodes_.at(static_cast<std::size_t>(n - 1)); }
  const Pod& pod(int n) const { return *pods_.at(static_cast<std::size_t>(n - 1)); }
  static std::string state(int n) { return "/run/state-" + std::to_string(n); }

  // The command as a person types it on that node; `conf` becomes the file of {}.
  Ran command(int n, const std::string& words, const nlohmann::json& conf = nullptr) const {
    const std::string file = "/run/conf-" + std::to_string(n) + ".json";
    if (!conf.is_null()) write(file, conf.dump());
    std::string text = words;
    if (const auto at = text.find("{}"); at != std::string::npos) text.replace(at, 2, file);
    return node(n).exec("TRESTLE_STATE_DIR=" + state(n) + " " + trestle_program() + " " + text);
  }
  // The pod of the node joins; its addresses without prefix.
  std::vector<std::string> add(int n, const nlohmann::json& conf) const {
    const Ran ran = command(n, "add {} --netns p" + std::to_string(n) + " --ifname eth0 --json", conf);
    if (!ran.ok()) throw std::runtime_error("node " + std::to_string(n) + ": " + ran.err);
    std::vector<std::string> out;
    const auto result = nlohmann::json::parse(ran.out);
    for (const auto& ip : result.at("ips")) {
      const std::string address = ip.at("address");
      out.push_back(address.substr(0, address.find('/')));
    }
    return out;
  }
  void del(int n, const nlohmann::json& conf) const {
    const Ran ran = command(n, "del {} --netns p" + std::to_string(n) + " --ifname eth0", conf);
    if (!ran.ok()) throw std::runtime_error("node " + std::to_string(n) + ": " + ran.err);
  }
  // Links, tables and routes of ours on that node; "" when nothing is left.
  std::string left(int n) const {
    return node(n)
        .exec("ip -br link | grep -vE '^(lo|eth0)' ; nft list tables; ip route show proto 84; ip nexthop; ls " +
              state(n) + "/overlay " + state(n) + "/records 2>/dev/null | grep json")
        .out;
  }
  static void write(const std::string& path, const std::string& text) {
    must_run("cat > " + path + ".new << 'J' && mv " + path + ".new " + path + "\n" + text + "\nJ\n");
  }

 private:
  ScratchHost host_;
  std::vector<std::unique_ptr<Pod>> nodes_, pods_;
};

inline nlohmann::json peers(int nodes, bool v6 = false, int first = 1) {
  nlohmann::json out = nlohmann::json::array();
  for (int n = first; n < first + nodes; ++n) {
    const std::string at = std::to_string(n);
    out.push_back({{"vtep", (v6 ? "2001:db8::1" : "192.0.2.1") + at},
                   {"subnets", {"10.51." + at + ".0/24", "fd51:" + at + "::/64"}}});
  }
  return out;
}

// Layer 3: each node's subnet is in the list.
inline nlohmann::json layer3(int nodes, const nlohmann::json& overlay = nlohmann::json::object(),
                             const std::string& mode = "nat") {
  nlohmann::json conf{{"cniVersion", "1.1.0"},
                      {"name", "over"},
                      {"type", "trestle"},
                      {"mode", mode},
                      {"overlay", {{"vni", 42}, {"layer", 3}, {"peers", peers(nodes)}}}};
  conf["overlay"].update(overlay);
  return conf;
}

// The peers of `conf` are in that file instead.
inline nlohmann::json in_file(nlohmann::json conf, const std::string& path) {
  conf["overlay"]["peersFile"] = path;
  conf["overlay"].erase("peers");
  return conf;
}

// Layer 2: one subnet; each node has its own stretch of it.
inline nlohmann::json layer2(int node, int nodes, const std::string& mode,
                             const nlohmann::json& overlay = nlohmann::json::object()) {
  const std::string at = std::to_string(node);
  nlohmann::json list = peers(nodes);
  for (auto& peer : list) peer.erase("subnets");
  nlohmann::json conf{{"cniVersion", "1.1.0"},
                      {"name", "flat"},
                      {"type", "trestle"},
                      {"mode", mode},
                      {"overlay", {{"vni", 43}, {"peers", list}}}};
  conf["ipam"]["ranges"] = {
      {{{"subnet", "10.52.0.0/24"}, {"rangeStart", "10.52.0." + at + "0"}, {"rangeEnd", "10.52.0." + at + "9"}}},
      {{{"subnet", "fd52::/64"}, {"rangeStart", "fd52::" + at + "0"}, {"rangeEnd", "fd52::" + at + "9"}}}};
  conf["overlay"].update(overlay);
  if (conf["overlay"].value("control", "static") == "multicast") conf["overlay"].erase("peers");
  return conf;
}

}  // namespace trestle::test
