// Who reaches whom: README's table between the marks "reachability" is what is tested, cell by cell, for IPv4 and IPv6, ping, TCP and UDP, with
// and without br_netfilter.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "nat_guest.h"
#include "readme.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

constexpr int kSilence = 150;  // ms, where nothing is expected

struct Cell {
  std::string from, to, says;  // "yes", "as the host", "no"
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  std::string cell;
  std::getline(in, cell, '|');
  while (std::getline(in, cell, '|')) {
    std::string word;
    for (const char c : cell)
      if (c != '`') word += c;
    const auto first = word.find_first_not_of(' '), last = word.find_last_not_of(' ');
    out.push_back(first == std::string::npos ? "" : word.substr(first, last - first + 1));
  }
  return out;
}

std::vector<Cell> documented() {
  const std::string text(kReadme);
  const auto from = text.find("<!-- reachability -->\n"), to = text.find("<!-- /reachability -->");
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  std::istringstream lines(text.substr(from, to - from));
  std::string line;
  std::vector<std::string> head;
  std::vector<Cell> out;
  while (std::getline(lines, line)) {
    if (!line.starts_with('|') || line.starts_with("|--")) continue;
    const auto cells = cells_of(line);
    if (head.empty()) {
      head = cells;
      continue;
    }
    for (std::size_t i = 1; i < cells.size() && i < head.size(); ++i) out.push_back({cells[0], head[i], cells[i]});
  }
  return out;
}

// Two NICs of the host on one LAN whose router is the outside's way in: uplink0 has the host's addresses, uplink1 and uplink2 none.
class World {
 public:
  explicit World(const Node& node) : lan_(new_netns()) {
    const Inside host(node.host().netns());
    const std::string there = "/proc/$PPID/fd/" + std::to_string(lan_.get());
    for (const char* n : {"0", "1", "2"}) {
      const std::string nic = std::string("uplink") + n;
      must_run("ip link add " + nic + " type veth peer name port" + n + " netns \"" + there +
               "\" && echo 1 > /proc/sys/net/ipv6/conf/" + nic + "/disable_ipv6");
    }
    must_run(
        "echo 0 > /proc/sys/net/ipv6/conf/uplink0/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/uplink0/accept_dad; "
        "ip addr add 192.0.2.2/24 dev uplink0 && ip addr add 2001:db8::2/64 dev uplink0 nodad && ip link set uplink0 "
        "up && "
        "ip link set uplink1 up && ip link set uplink2 up && ip route add default via 192.0.2.1 && "
        "ip -6 route add default via 2001:db8::1");
    const Inside lan(lan_);
    must_run(
        "ip link set lo up && ip link add br0 type bridge && echo 0 > /proc/sys/net/ipv6/conf/br0/accept_dad && "
        "for n in 0 1 2; do ip link set port$n master br0 up; done; ip link set br0 up && ip addr add 192.0.2.1/24 dev "
        "br0 && "
        "ip addr add 2001:db8::1/64 dev br0 nodad && ip addr add 198.51.100.1/32 dev lo && "
        "ip addr add 2001:db8:ffff::1/128 dev lo && echo 1 > /proc/sys/net/ipv4/ip_forward && "
        "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects && "
        "echo 0 > /proc/sys/net/ipv4/conf/br0/send_redirects");
    for (const int n : {10, 11, 20, 21, 30, 31}) {
      must_run("ip route add 10." + std::to_string(n) + ".0.0/24 via 192.0.2.2");
      must_run("ip -6 route add fd" + std::to_string(n) + "::/64 via 2001:db8::2");
    }
    echo_ = std::make_unique<Echo>(lan_, kEcho);
  }
  const trestle::base::Fd& lan() const { return lan_; }

 private:
  trestle::base::Fd lan_;
  std::unique_ptr<Echo> echo_;
};

json network(const std::string& name, const std::string& mode, int number) {
  const std::string n = std::to_string(number);
  return {{"cniVersion", "1.1.0"},
          {"name", name},
          {"type", "trestle"},
          {"mode", mode},
          {"subnets", {"10." + n + ".0.0/24", "fd" + n + "::/64"}}};
}

json on_lan(const std::string& name, const std::string& uplink, int first) {
  const auto range = [&](const std::string& subnet, const std::string& prefix) {
    return json::array({{{"subnet", subnet},
                         {"rangeStart", prefix + std::to_string(first)},
                         {"rangeEnd", prefix + std::to_string(first + 9)}}});
  };
  return {{"cniVersion", "1.1.0"},
          {"name", name},
          {"type", "trestle"},
          {"mode", "bridge"},
          {"uplink", uplink},
          {"defaultRoute", true},
          {"ipam", {{"ranges", {range("192.0.2.0/24", "192.0.2."), range("2001:db8::/64", "2001:db8::")}}}}};
}

// A pod without a way out tries all the same: what it sends must get nowhere.
void try_hard(const Guest& guest) {
  guest.pod().must_exec(
      "for f in ipv4 ipv6; do echo 20 > /proc/sys/net/$f/neigh/eth0/retrans_time_ms; echo 1 > "
      "/proc/sys/net/$f/neigh/eth0/mcast_solicit; done; ip route add default dev eth0; ip -6 route add default dev "
      "eth0");
}

struct Place {
  const trestle::base::Fd* netns;
  std::string ip4, ip6;
};

Place at(const Guest& guest) { return {&guest.netns(), guest.ip4(), guest.ip6()}; }

void check_cell(const Cell& cell, const Place& from, const Place& to) {
  for (const bool v6 : {false, true}) {
    const std::string target = v6 ? to.ip6 : to.ip4, self = v6 ? from.ip6 : from.ip4;
    CAPTURE(cell.from, cell.to, cell.says, target);
    if (cell.says == "no") {
      CHECK(ping(*from.netns, target, kSilence) != Reach::connected);
      CHECK(tcp_talk(*from.netns, target, kEcho, kSilence).reach != Reach::connected);
      CHECK(udp_talk(*from.netns, target, kEcho, kSilence).reach != Reach::connected);
      continue;
    }
    const std::string as = cell.says == "as the host" ? (v6 ? "2001:db8::2" : "192.0.2.2") : self;
    CHECK(ping(*from.netns, target) == Reach::connected);
    const std::string tcp = tcp_talk(*from.netns, target, kEcho).seen(),
                      udp = udp_talk(*from.netns, target, kEcho).seen();
    if (cell.from == "host" || cell.from == "outside" || cell.from == "LAN") {  // they have several addresses
      CHECK_FALSE(tcp.empty());
      CHECK_FALSE(udp.empty());
    } else {
      CHECK(tcp == as);
      CHECK(udp == as);
    }
  }
}

}  // namespace

TEST_CASE("README's table of who reaches whom holds, cell by cell", "[matrix]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const World world(node);
  answer_without_limit();
  node.settle();
  const Echo host(node.host().netns(), kEcho);
  std::map<std::string, std::vector<std::unique_ptr<Guest>>> guests;  // two of each mode on one switch, one on another
  const auto attach = [&](const std::string& mode, const json& conf, const json& other) {
    guests[mode].push_back(std::make_unique<Guest>(node, mode + "1", conf));
    guests[mode].push_back(std::make_unique<Guest>(node, mode + "2", conf));
    guests[mode].push_back(std::make_unique<Guest>(node, mode + "3", other));
  };
  attach("nat", network("nat-a", "nat", 10), network("nat-b", "nat", 11));
  attach("routed", network("routed-a", "routed", 20), network("routed-b", "routed", 21));
  attach("isolated", network("isolated-a", "isolated", 30), network("isolated-b", "isolated", 31));
  attach("bridge", on_lan("bridge-a", "uplink1", 100), on_lan("bridge-b", "uplink2", 120));
  for (const auto& guest : guests["isolated"]) try_hard(*guest);
  must_run("ip route add 10.30.0.0/24 dev trisolated-a; ip route add 10.31.0.0/24 dev trisolated-b");
  const std::map<std::string, Place> fixed = {
      {"host", {&node.host().netns(), "192.0.2.2", "2001:db8::2"}},
      {"LAN", {&world.lan(), "192.0.2.1", "2001:db8::1"}},
      {"outside", {&world.lan(), "198.51.100.1", "2001:db8:ffff::1"}},
  };
  const auto from = [&](const std::string& name) {
    return fixed.contains(name) ? fixed.at(name) : at(*guests.at(name)[0]);
  };
  const auto to = [&](const Cell& cell) {
    if (fixed.contains(cell.to)) return fixed.at(cell.to);
    if (cell.to == "same switch") return at(*guests.at(cell.from)[1]);
    return at(*guests.at(cell.to.substr(cell.to.find(' ') + 1))[2]);  // "another nat"
  };
  std::size_t tried = 0;
  for (const Cell& cell : documented()) {
    if (cell.says == "-") continue;
    REQUIRE((cell.says == "yes" || cell.says == "as the host" || cell.says == "no"));
    check_cell(cell, from(cell.from), to(cell));
    ++tried;
  }
  CHECK(tried > 40);
  for (const auto& [mode, three] : guests)
    for (const auto& guest : three) guest->leave();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}
