// What dnsmasq is told, as text, whole; and the Steps of the networks that have it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "modes/guest_services.h"
#include "modes/modes.h"
#include "modes/rules_text.h"
#include "modes/service_text.h"

using namespace trestle;
using Catch::Contains;

namespace {

using Lines = std::vector<std::string>;

ipam::RangeSet pool(const char* subnet) {
  return {ipam::make_range({net::Cidr::parse(subnet), {}, {}, {}, {}}, "subnets")};
}

config::NetConf conf(const char* mode, std::vector<ipam::RangeSet> ranges) {
  config::NetConf out{.cni_version = "1.1.0", .name = "demo", .bridge = net::IfName::parse("trdemo")};
  out.mode = mode;
  out.host_access.all = out.mode != "isolated";
  out.ipam.ranges = std::move(ranges);
  out.guests = config::GuestServices{true, true, true};
  return out;
}

std::vector<ipam::RangeSet> both() { return {pool("10.88.0.0/16"), pool("fd88::/64")}; }

plan::Lease lease() {
  return {{{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1")},
           {net::Cidr::parse("fd88::2/64"), net::Ip::parse("fd88::1")}},
          net::Mac::parse("02:11:22:33:44:55")};
}

// The subnets' tags, which are hashes, as "4" and "6".
std::string tagless(std::string text) {
  for (const char* family : {"4", "6"}) {
    const std::size_t at = text.find("set:t");
    if (at == text.npos) break;
    const std::string tag = text.substr(at + 4, 13);
    for (std::size_t found = 0; (found = text.find(tag)) != text.npos;) text.replace(found, tag.size(), family);
  }
  return text;
}

template <class S>
const S* find(const std::vector<plan::Step>& steps) {
  for (const plan::Step& step : steps)
    if (const auto* found = std::get_if<S>(&step)) return found;
  return nullptr;
}

const std::string kHost = net::host_link_name({"demo", "c1", "eth0"}, net::IfName::parse("eth0")).str();

}  // namespace

TEST_CASE("guest services: what holds for a switch", "[modes][guests]") {
  CHECK(modes::main_text(conf("nat", both()), "/run/s/trdemo") ==
        "# Made by trestle for switch trdemo; removed with it.\n"
        "interface=trdemo\n"
        "except-interface=lo\n"
        "bind-dynamic\n"
        "no-hosts\n"
        "pid-file=\n"
        "log-facility=-\n"
        "conf-dir=/run/s/trdemo/networks,*.conf\n"
        "addn-hosts=/run/s/trdemo/names\n"
        "domain-needed\n"
        "bogus-priv\n"
        "dhcp-authoritative\n"
        "dhcp-ignore=tag:!known\n"
        "dhcp-ignore-names\n"
        "domain=guests.invalid\n"
        "dhcp-fqdn\n"
        "no-ping\n"
        "dhcp-lease-max=65536\n"
        "quiet-dhcp\n"
        "quiet-dhcp6\n"
        "dhcp-leasefile=/run/s/trdemo/leases\n"
        "dhcp-hostsfile=/run/s/trdemo/hosts\n"
        "enable-ra\n"
        "quiet-ra\n");
  // No name of the world outside, and no router.
  const std::string isolated = modes::main_text(conf("isolated", both()), "/run/s/trdemo");
  CHECK_THAT(isolated, Contains("no-resolv\n") && Contains("ra-param=trdemo,0,0\n"));
  auto without = conf("nat", both());
  without.guests = config::GuestServices{true, false, false};
  CHECK_THAT(modes::main_text(without, "/run/s/trdemo"),
             Contains("port=0\n") && !Contains("enable-ra") && !Contains("addn-hosts"));
}

TEST_CASE("guest services: what guests of a network are told", "[modes][guests]") {
  auto c = conf("nat", both());
  c.ipam.routes = {{net::Cidr::parse("198.51.100.0/24"), {}, {}, {}, {}, {}, {}}};
  c.guests->ntp = {net::Ip::parse("192.0.2.123"), net::Ip::parse("2001:db8::123")};
  c.guests->domain = "example.org";
  c.guests->search = {"example.org", "a.example"};
  CHECK(tagless(modes::network_text(c, 1400)) ==
        "# Network demo\n"
        "dhcp-range=set:4,10.88.0.0,static,255.255.0.0,1h\n"
        "dhcp-option=tag:4,option:router,10.88.0.1\n"
        "dhcp-option=tag:4,option:classless-static-route,198.51.100.0/24,10.88.0.1,0.0.0.0/0,10.88.0.1\n"
        "dhcp-option=tag:4,option:mtu,1400\n"
        "dhcp-option=tag:4,option:domain-name,example.org\n"
        "dhcp-option=tag:4,option:dns-server,10.88.0.1\n"
        "dhcp-option=tag:4,option:domain-search,example.org,a.example\n"
        "dhcp-option=tag:4,option:ntp-server,192.0.2.123\n"
        "dhcp-range=set:6,fd88::,static,64,10m\n"
        "dhcp-option=tag:6,option6:dns-server,[fd88::1]\n"
        "dhcp-option=tag:6,option6:domain-search,example.org,a.example\n"
        "dhcp-option=tag:6,option6:sntp-server,[2001:db8::123]\n"
        "dhcp-option=tag:6,option6:56,00:01:00:10:20:01:0d:b8:00:00:00:00:00:00:00:00:00:00:01:23\n");
}

TEST_CASE("guest services: an isolated network has no router and asks nobody outside", "[modes][guests]") {
  auto c = conf("isolated", both());
  c.default_route = true;
  c.guests->nameservers = {net::Ip::parse("192.0.2.53")};
  CHECK(tagless(modes::network_text(c, 1500)) ==
        "# Network demo\n"
        "dhcp-range=set:4,10.88.0.0,static,255.255.0.0,1h\n"
        "dhcp-option=tag:4,option:router\n"
        "dhcp-option=tag:4,option:mtu,1500\n"
        "dhcp-option=tag:4,option:domain-name\n"
        "dhcp-option=tag:4,option:dns-server,10.88.0.1\n"
        "dhcp-range=set:6,fd88::,static,64,10m\n"
        "dhcp-option=tag:6,option6:dns-server,[fd88::1]\n");
}

TEST_CASE("guest services: the network's name servers are asked by the service, or told to the guests",
          "[modes][guests]") {
  auto c = conf("nat", {pool("10.88.0.0/16")});
  c.guests->nameservers = {net::Ip::parse("192.0.2.53"), net::Ip::parse("2001:db8::53")};
  CHECK_THAT(modes::network_text(c, 1500),
             Contains("no-resolv\nserver=192.0.2.53\nserver=2001:db8::53\n") && Contains("dns-server,10.88.0.1\n"));
  c.guests->dns = false;
  CHECK_THAT(modes::network_text(c, 1500), Contains("dns-server,192.0.2.53\n") && !Contains("server=192.0.2.53"));
  c.guests->dhcp = c.guests->ra = false;
  CHECK(modes::network_text(c, 1500).empty());
}

TEST_CASE("guest services: names are labels; none passes for one of the world outside", "[modes][guests]") {
  config::GuestServices guests{true, true, true};
  CHECK(modes::guest_names(guests, "c1") == Lines{"c1"});
  guests.names = {"vm1", "web-0", "web-0.shop"};
  CHECK(modes::guest_names(guests, "0123456789abcdef") ==
        Lines{"vm1", "web-0", "web-0.shop", "0123456789ab", "0123456789abcdef"});
  guests.names = {"www.google.com", "localhost", "-.", "A B"};
  CHECK(modes::guest_names(guests, std::string(64, 'a')) == Lines{"www-google-com", "a-b", std::string(12, 'a')});
  guests.domain = "example.org";
  CHECK(modes::names_text(guests, {"web", "web.shop"}, lease()) ==
        "10.88.0.2 web.example.org web web.shop.example.org\nfd88::2 web.example.org web web.shop.example.org\n");
  guests.domain.clear();  // pod "google" in namespace "com"
  CHECK_THAT(modes::names_text(guests, {"google", "google.com"}, lease()),
             Catch::StartsWith("10.88.0.2 google google.com.guests.internal\n"));
  CHECK(modes::host_text({"web", "web.shop"}, lease()) == "02:11:22:33:44:55,10.88.0.2,[fd88::2],web\n");
}

TEST_CASE("guest services: the service is the shared part's last step, the guest the attachment's", "[modes][guests]") {
  const std::string mode = GENERATE("nat", "routed", "isolated");
  CAPTURE(mode);
  const auto c = conf(mode.c_str(), both());
  const plan::Facts facts;
  const auto shared = modes::find(mode).shared({c, facts, "/run/trestle"}).steps;
  CHECK(describe(shared.back()) ==
        "host:trdemo: guest services (DHCP, RA, DNS), dnsmasq in /run/trestle-services/trdemo");
  const auto attachment =
      modes::find(mode).attachment({c, facts, "/run/trestle", {"demo", "c1", "eth0"}, "/run/netns/a", lease()});
  CHECK(describe(attachment.back()) ==
        "host: guest 02:11:22:33:44:55 has 10.88.0.2, fd88::2 in /run/trestle-services/trdemo");
  const auto* host = find<plan::GuestHost>(attachment);
  REQUIRE(host);
  CHECK(host->files ==
        std::vector<plan::ServiceFile>{{"names/" + kHost, "10.88.0.2 c1\nfd88::2 c1\n"},
                                       {"hosts/" + kHost, "02:11:22:33:44:55,10.88.0.2,[fd88::2],c1\n"}});
  auto plain = c;
  plain.guests.reset();
  CHECK_FALSE(find<plan::Service>(modes::find(mode).shared({plain, facts, "/run/trestle"}).steps));
}

TEST_CASE("guest services: a host that is closed opens their ports, DNS by the switch's own addresses alone",
          "[modes][guests]") {
  auto c = conf("nat", both());
  CHECK_THAT(modes::nat_text(c), !Contains("dport 67") && !Contains("serve4"));
  c.host_access.all = false;
  CHECK_THAT(modes::nat_text(c),
             Contains("set serve4-trdemo ipv4_addr\n") && Contains("  udp dport 67 return\n  udp dport 547 return\n") &&
                 Contains("  ip daddr @serve4-trdemo udp dport 53 return\n") && !Contains("hostout"));
  const plan::Facts facts;
  Lines shared;
  for (const plan::Step& step : modes::find("nat").shared({c, facts, "/run/trestle"}).steps)
    shared.push_back(describe(step));
  CHECK_THAT(shared, Catch::VectorContains(std::string("host: elements of inet serve4-trdemo: 10.88.0.1")));
  CHECK_THAT(shared, Catch::VectorContains(std::string("host: elements of inet serve6-trdemo: fd88::1")));
}

TEST_CASE("guest services: the host of an isolated switch sends answers and nothing else", "[modes][guests]") {
  const auto c = conf("isolated", both());
  CHECK_THAT(modes::isolated_text(c),
             Contains("chain hostout-trdemo\n  ct state established,related return\n  udp sport 67 return\n"));
  const plan::Facts facts;
  Lines steps;
  for (const plan::Step& step : modes::find("isolated").shared({c, facts, "/run/trestle"}).steps)
    steps.push_back(describe(step));
  CHECK_THAT(steps,
             Catch::VectorContains(std::string("host: elements of inet hostout: \"trdemo\" : jump hostout-trdemo")));
  CHECK_THAT(steps, Catch::VectorContains(std::string("host:trdemo: address 10.88.0.1/16")));
  for (const plan::Step& step :
       modes::find("isolated").attachment({c, facts, "/run/trestle", {"demo", "c1", "eth0"}, "", lease()}))
    CHECK_THAT(describe(step), !Contains("nohost"));
  auto open = c;
  open.host_access.all = true;
  CHECK_THAT(modes::isolated_text(open), !Contains("hostout"));
}
