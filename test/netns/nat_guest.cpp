#include "nat_guest.h"

namespace trestle::test {

using nlohmann::json;

Guest::Guest(const Node& node, const std::string& name, const json& conf, const Node::Env& env)
    : node_(node), pod_(name), conf_(conf), added_(node.must_add(pod_, conf, env)), echo_(pod_.netns(), kEcho) {
  for (const std::string& address : addresses_of(added_)) {
    std::string& slot = address.find(':') == std::string::npos ? ip4_ : ip6_;
    if (slot.empty()) slot = address;
  }
}

void answer_without_limit() {
  must_run("echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit");
}

void leave_nothing(const Node& node, std::initializer_list<const Guest*> guests) {
  for (const Guest* guest : guests) guest->leave();
  // Forwarding stays on (DESIGN 3), and with it the anycast addresses of a router; without, all else must be as it was.
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}

json second_conf() { return other_conf("second", "", {{"subnets", {"10.89.0.0/16", "fd89::/64"}}}); }

void check_refused(const base::Fd& from, const std::string& address) {
  CAPTURE(address);
  answer_without_limit();
  CHECK(tcp_talk(from, address, kEcho).reach == Reach::refused);
  CHECK(udp_talk(from, address, kEcho).reach == Reach::unreachable);
  CHECK(ping(from, address) == Reach::unreachable);
}

void check_reaches(const base::Fd& from, const std::string& address, const std::string& as) {
  CAPTURE(address);
  CHECK(ping(from, address) == Reach::connected);
  CHECK(tcp_talk(from, address, kEcho).seen() == as);
  CHECK(udp_talk(from, address, kEcho).seen() == as);
}

void make_node_port(const Guest& to) {
  const std::string echo = std::to_string(kEcho), port = std::to_string(kNodePort);
  const auto table = [&](const std::string& family, const std::string& host, const std::string& target) {
    std::string text = "nft 'table " + family + " foreign { chain pre { type nat hook prerouting priority dstnat; ";
    for (const char* protocol : {"tcp", "udp"})
      text += family + " daddr " + host + " " + protocol + " dport " + port + " dnat to " + target + ":" + echo + "; ";
    must_run(text + "}; }'");
  };
  if (!to.ip4().empty()) table("ip", Lan::kHost4, to.ip4());
  if (!to.ip6().empty()) table("ip6", Lan::kHost6, "[" + to.ip6() + "]");
}

bool set_bridge_nf(bool on) {
  if (!run("test -e /proc/sys/net/bridge/bridge-nf-call-iptables").ok()) return false;
  for (const char* what : {"iptables", "ip6tables", "arptables"})
    must_run("echo " + std::string(on ? "1" : "0") + " > /proc/sys/net/bridge/bridge-nf-call-" + what);
  return true;
}

}  // namespace trestle::test
