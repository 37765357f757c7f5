// Each guest gets its own lease, what the network tells, and nobody else's.
#include "guests_world.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

json told_conf() {
  return guests_with(json::parse(
      R"({"mtu": 1400, "subnets": [], "dns": {"domain": "example.org", "search": ["example.org", "a.example"]},
    "ipam": {"ranges": [[{"subnet": "10.88.0.0/16"}], [{"subnet": "fd88::/64"}]], "routes": [{"dst": "198.51.100.0/24"}]}})"));
}

}  // namespace

TEST_CASE("a guest's DHCP client gets the lease of its attachment, and all that the network tells", "[guests][dhcp]") {
  NEEDS_DNSMASQ;
  const std::string mode = GENERATE("nat", "routed");
  ServiceNode node;
  json conf = told_conf();
  conf["mode"] = mode;
  const Guest a(node, "a", conf), b(node, "b", conf);
  for (const Guest* guest : {&a, &b}) {
    forget_addresses(*guest);
    const auto lease = dhcp(guest->pod(), 5);
    REQUIRE(lease);
    CHECK(lease->at("ip") == guest->ip4());
    CHECK(lease->at("subnet") == "255.255.0.0");
    CHECK(lease->at("serverid") == "10.88.0.1");
    CHECK(lease->at("mtu") == "1400");
    CHECK(lease->at("staticroutes") == "198.51.100.0/24 10.88.0.1 0.0.0.0/0 10.88.0.1");
    CHECK(lease->at("dns") == "10.88.0.1");
    CHECK(lease->at("ntpsrv") == "192.0.2.123");
    CHECK(lease->at("search") == "example.org a.example");
    CHECK(lease->at("domain") == "example.org");
    CHECK(lease->at("hostname") == guest->pod().name());
    const auto lease6 = dhcp6(guest->pod(), guest->mac());
    REQUIRE(lease6);
    CHECK(lease6->address == guest->ip6());
    CHECK(lease6->options.at(23) == ip_bytes("fd88::1"));
    CHECK(lease6->options.at(24) == std::string("\7example\3org\0\1a\7example\0", 24));
    CHECK(lease6->options.at(31) == ip_bytes("2001:db8::123"));
    CHECK(lease6->options.at(56) == std::string("\0\1\0\x10", 4) + ip_bytes("2001:db8::123"));
  }
  CHECK(node.check(a.pod(), a.added(), conf).ok() ==
        false);  // its addresses were taken off, which is all that CHECK says
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), !Catch::Contains("dnsmasq"));
  leave_nothing(node, {&a, &b});
}

TEST_CASE("router advertisements send guests to DHCPv6: managed, on-link, no addresses of their own making",
          "[guests][ra]") {
  NEEDS_DNSMASQ;
  const bool isolated = GENERATE(false, true);
  CAPTURE(isolated);
  ServiceNode node;
  const Guest a(node, "a", guests_with({{"mode", isolated ? "isolated" : "nat"}}));
  const auto advert = router_advert(a.pod(), a.mac());
  REQUIRE(advert);
  REQUIRE(advert->size() > 16);
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>((*advert)[at]); };
  CHECK((byte(5) & 0xc0) == 0xc0);  // M, O
  const unsigned lifetime = byte(6) * 256U + byte(7);
  CHECK((lifetime == 0) == isolated);  // no router on an isolated switch
  int prefixes = 0;
  for (std::size_t at = 16; at + 8 <= advert->size() && byte(at + 1) != 0; at += 8U * byte(at + 1)) {
    if (byte(at) != 3) continue;
    ++prefixes;
    CHECK(byte(at + 2) == 64);
    CHECK((byte(at + 3) & 0xc0) == 0x80);  // on-link, not autonomous
    CHECK(advert->substr(at + 16, 16) == ip_bytes("fd88::"));
  }
  CHECK(prefixes == 1);
  leave_nothing(node, {&a});
}

TEST_CASE("names of guests are resolved for both families, and are gone with them", "[guests][dns]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const json conf = guests_with({{"dns", {{"domain", "example.org"}}}});
  const Guest a(node, "a", conf);
  const Guest b(node, "b", conf, {{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=shop"}});
  for (const char* name : {"b", "web-0", "web-0.shop.example.org", "web-0.example.org"}) {
    CAPTURE(name);
    CHECK(eventually([&] {
      const auto v4 = resolve(a.pod(), "10.88.0.1", name);
      return v4 && v4->addresses == std::vector<std::string>{b.ip4()};
    }));
    const auto v6 = resolve(a.pod(), "fd88::1", name, true);
    REQUIRE(v6);
    CHECK(v6->addresses == std::vector<std::string>{b.ip6()});
  }
  REQUIRE(dhcp(b.pod(), 5));  // a lease must not keep the name
  b.leave();
  CHECK(eventually([&] {
    const auto gone = resolve(a.pod(), "10.88.0.1", "web-0");
    return gone && gone->addresses.empty();
  }));
  leave_nothing(node, {&a});
}

TEST_CASE("who has no lease on the switch gets no answer, nor does a guest of another switch", "[guests][dhcp]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  json other = second_conf();
  const Guest b(node, "b", other);
  REQUIRE(dhcp(a.pod(), 5));
  CHECK_FALSE(dhcp(b.pod(), 2));  // its switch has no service
  CHECK_FALSE(dhcp6(b.pod(), b.mac(), {}, 1500));
  CHECK_FALSE(resolve(b.pod(), "10.88.0.1", "a", false, 600));
  CHECK_FALSE(resolve(b.pod(), "10.89.0.1", "a", false, 600));
  // A port of the switch that trestle knows nothing of.
  const Pod stranger("stranger");
  must_run("ip link add str0 type veth peer name eth0 netns stranger && ip link set str0 master trdemo up");
  stranger.must_exec("ip link set eth0 up");
  CHECK_FALSE(dhcp(stranger, 3));
  must_run("ip link del str0");
  other["guestServices"] = {{"dhcp", true}, {"dns", true}};
  other["name"] = "third";
  other["subnets"] = {"10.90.0.0/16"};
  const Guest c(node, "c", other);
  CHECK(node.processes().size() == 2);
  const auto lease = dhcp(c.pod(), 5);
  REQUIRE(lease);
  CHECK(lease->at("ip") == c.ip4());
  CHECK(resolve(c.pod(), "10.90.0.1", "c")->addresses == std::vector<std::string>{c.ip4()});
  CHECK(resolve(c.pod(), "10.90.0.1", "a", false)->addresses.empty());
  leave_nothing(node, {&a, &b, &c});
}

// dnsmasq keeps an address for whoever leased it last, by MAC (DHCPv6: by DUID), until that lease is over.
TEST_CASE("an address that another guest had goes to its new holder at once, and never to the old one",
          "[guests][dhcp]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const auto asking = [](const char* mac) {
    return Node::Env{{"CNI_ARGS", std::string("IgnoreUnknown=1;IP=10.88.0.77,fd88::77;MAC=") + mac}};
  };
  const Guest keeps(node, "keeps", guests_with());
  REQUIRE(dhcp(keeps.pod(), 5));
  {
    const Guest old(node, "old", guests_with(), asking("02:00:00:00:00:0a"));
    REQUIRE(dhcp(old.pod(), 5)->at("ip") == "10.88.0.77");
    REQUIRE(dhcp6(old.pod(), old.mac())->address == "fd88::77");
    old.leave();
  }
  const Guest fresh(node, "fresh", guests_with(), asking("02:00:00:00:00:0b"));
  forget_addresses(fresh);
  const auto lease = dhcp(fresh.pod(), 6);
  REQUIRE(lease);
  CHECK(lease->at("ip") == "10.88.0.77");
  const auto lease6 = dhcp6(fresh.pod(), fresh.mac());
  REQUIRE(lease6);
  CHECK(lease6->address == "fd88::77");
  // The old MAC comes back, by itself: it is not known any more.
  const Pod stranger("stranger");
  must_run("ip link add str0 type veth peer name eth0 netns stranger && ip link set str0 master trdemo up");
  stranger.must_exec("ip link set eth0 address 02:00:00:00:00:0a up");
  CHECK_FALSE(dhcp(stranger, 3));
  must_run("ip link del str0");
  // The same guest with a new DUID, as after another system was installed in it: a new attachment.
  fresh.leave();
  const Guest again(node, "fresh2", guests_with(), asking("02:00:00:00:00:0b"));
  const auto other = dhcp6(again.pod(), again.mac(), std::string("\0\4", 2) + std::string(16, 'x'));
  REQUIRE(other);
  CHECK(other->address == "fd88::77");
  CHECK(dhcp(keeps.pod(), 5)->at("ip") == keeps.ip4());
  leave_nothing(node, {&keeps, &again});
}

TEST_CASE("two networks on one switch have one service, and each its own subnet", "[guests]") {
  NEEDS_DNSMASQ;
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  const json second = guests_with({{"name", "demo2"}, {"bridge", "trdemo"}, {"subnets", {"10.91.0.0/16"}}});
  const Guest b(node, "b", second);
  CHECK(node.processes().size() == 1);
  for (const Guest* guest : {&a, &b}) {
    const auto lease = dhcp(guest->pod(), 6);
    REQUIRE(lease);
    CHECK(lease->at("ip") == guest->ip4());
    CHECK(lease->at("dns") == (guest == &a ? "10.88.0.1" : "10.91.0.1"));
  }
  CHECK(files_below(node.directory() + "/networks").size() == 2);
  const json other = guests_with({{"name", "demo3"}, {"bridge", "trdemo"}, {"subnets", {"10.92.0.0/16"}}});
  json without = other;
  without["guestServices"]["dns"] = false;
  const Pod c("c");
  const Answer refused = node.add(c, without);
  CHECK(refused.code() == 103);
  CHECK_THAT(told(refused),
             Catch::Contains("guest services (DHCP, RA)") && Catch::Contains("guest services (DHCP, RA, DNS)"));
  a.leave();
  CHECK(files_below(node.directory() + "/networks").size() == 1);
  CHECK(node.processes().size() == 1);
  const auto lease = dhcp(b.pod(), 6);
  REQUIRE(lease);
  CHECK(lease->at("ip") == b.ip4());
  leave_nothing(node, {&b});
  CHECK(node.processes().empty());
}
