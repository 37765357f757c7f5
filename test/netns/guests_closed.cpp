// What a closed host opens for the service, and nothing beside it.
#include "guests_world.h"
#include "net/names.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle;
using namespace trestle::test;
using nlohmann::json;

namespace {

// A resolver of the host's own that knows the outside: whoever reaches it has left the isolated network.
constexpr const char* kElsewhere = "192.0.2.2";

}  // namespace

TEST_CASE("an isolated guest gets an address without a router, its neighbours' names, and nothing else of the host",
          "[guests][isolated]") {
  NEEDS_DNSMASQ;
  const bool bridge_nf = GENERATE(false, true);
  ServiceNode node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Lan lan(node.host());
  node.settle();
  answer_without_limit();
  const Echo echo(node.host().netns(), kEcho);
  const json conf = guests_with({{"mode", "isolated"}});
  const Guest a(node, "a", conf), b(node, "b", conf);
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::StartsWith("0 "));
  CHECK(node.status(conf).ok());
  const auto lease = dhcp(a.pod(), 5);
  REQUIRE(lease);
  CHECK(lease->at("ip") == a.ip4());
  CHECK_FALSE(lease->count("router"));
  CHECK_FALSE(lease->count("staticroutes"));
  CHECK(lease->at("dns") == "10.88.0.1");
  CHECK(dhcp6(a.pod(), a.mac())->address == a.ip6());
  CHECK(resolve(a.pod(), "10.88.0.1", "b")->addresses == std::vector<std::string>{b.ip4()});
  CHECK(resolve(a.pod(), "fd88::1", "b", true)->addresses == std::vector<std::string>{b.ip6()});
  CHECK(resolve(a.pod(), "10.88.0.1", "www.example.com")->rcode == 5);
  CHECK(tcp_talk(a.netns(), "10.88.0.1", 53).reach == Reach::connected);

  // The host is closed beside that, both ways.
  for (const char* gateway : {"10.88.0.1", "fd88::1"}) check_refused(a.netns(), gateway);
  a.pod().must_exec("ip route add 192.0.2.0/24 via 10.88.0.1");
  check_refused(a.netns(), kElsewhere);
  const Echo resolver(node.host().netns(), 5353);
  CHECK(udp_talk(a.netns(), kElsewhere, 53).reach !=
        Reach::connected);  // another resolver of the host's would be one to the outside
  for (const std::string& to : a.addresses()) {
    CHECK(tcp_talk(node.host().netns(), to, kEcho, 300).reach != Reach::connected);
    CHECK(udp_talk(node.host().netns(), to, kEcho, 300).reach != Reach::connected);
    CHECK(ping(node.host().netns(), to, 300) != Reach::connected);
  }
  // Nothing beyond the host either.
  must_run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  a.pod().must_exec("ip -6 route add default via fd88::1");
  check_refused(a.netns(), Lan::kOutside4);
  check_refused(a.netns(), Lan::kOutside6);
  must_run("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  check_reaches(a.netns(), b.ip4(), a.ip4());
  leave_nothing(node, {&a, &b});
}

TEST_CASE("a resolver of the host's on another address is not what an isolated guest's DNS leads to",
          "[guests][isolated]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  must_run("ip addr add 192.0.2.2/32 dev lo");
  node.settle();
  const std::string resolver =
      "dnsmasq -k --conf-file=/dev/null --port=53 --listen-address=192.0.2.2 --bind-interfaces --no-resolv "
      "--address=/www.example.com/203.0.113.1 --pid-file= --user=root";
  must_run("(setsid " + resolver + " > /dev/null 2>&1 < /dev/null & echo $! > /run/resolver)");
  const Guest a(node, "a", guests_with({{"mode", "isolated"}}));
  a.pod().must_exec("ip route add 192.0.2.2/32 via 10.88.0.1");
  CHECK(eventually([&] { return resolve(a.pod(), "10.88.0.1", "a").has_value(); }));
  CHECK_FALSE(resolve(a.pod(), "192.0.2.2", "www.example.com", false, 700));
  run("kill $(cat /run/resolver)");
  leave_nothing(node, {&a});
}

TEST_CASE("a host that is closed for its pods lets their DHCP, DHCPv6 and DNS in", "[guests][firewall]") {
  NEEDS_DNSMASQ;
  const json access = GENERATE(json(false), json::array({"8080/tcp"}));
  const std::string mode = GENERATE("nat", "routed");
  CAPTURE(access, mode);
  ServiceNode node;
  const Lan lan(node.host());
  node.settle();
  const Echo echo(node.host().netns(), kEcho);
  const json conf = guests_with({{"mode", mode}, {"hostAccess", access}, {"dns", {{"nameservers", {"192.0.2.53"}}}}});
  const Guest a(node, "a", conf);
  REQUIRE(dhcp(a.pod(), 5));
  CHECK(dhcp6(a.pod(), a.mac())->address == a.ip6());
  CHECK(router_advert(a.pod(), a.mac()));
  for (const char* gateway : {"10.88.0.1", "fd88::1"}) {
    const auto found = resolve(a.pod(), gateway, "a");
    REQUIRE(found);
    CHECK(found->addresses == std::vector<std::string>{a.ip4()});
    check_refused(a.netns(), gateway);
  }
  leave_nothing(node, {&a});
}

TEST_CASE("with guest services no pod may serve its neighbours", "[guests][spoof]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with()), b(node, "b", guests_with());
  Wire rogue(a.netns(), "eth0"), victim(b.netns(), "eth0");
  const std::string ll = net::link_local(net::Mac::parse(a.mac())).str();
  const std::string mark = "rogue-server-was-here";
  rogue.send(ethernet("ff:ff:ff:ff:ff:ff", a.mac(), kEthIp4, ip4(a.ip4(), "255.255.255.255", 17, udp(67, 68, mark))));
  rogue.send(ethernet("33:33:00:00:00:01", a.mac(), kEthIp6, ip6(ll, "ff02::1", 17, udp(547, 546, mark))));
  rogue.send(
      ethernet("33:33:00:00:00:01", a.mac(), kEthIp6, ip6(ll, "ff02::1", 58, router_advertisement(a.mac()), 255)));
  CHECK_FALSE(victim.wait_for(mark, 400));
  CHECK_FALSE(victim.wait(
      [&](const Frame& seen) {
        return !seen.outgoing && seen.bytes.size() > 54 && seen.bytes.substr(6, 6) == mac_bytes(a.mac()) &&
               static_cast<unsigned char>(seen.bytes[54]) == 134;
      },
      100));
  REQUIRE(dhcp(b.pod(), 5));
  leave_nothing(node, {&a, &b});
}
