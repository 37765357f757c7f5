// The NAT network's plan as text: what a change of a mode changes is seen here, whole.
#include <catch2/catch.hpp>

#include "base/text.h"
#include "modes/guard.h"
#include "modes/modes.h"
#include "modes/rules_text.h"

using namespace trestle;

namespace {

using Lines = std::vector<std::string>;

ipam::RangeSet pool(const char* subnet, const char* path = "subnets[0]") {
  return {ipam::make_range({net::Cidr::parse(subnet), {}, {}, {}, {}}, path)};
}

config::NetConf conf(std::vector<ipam::RangeSet> ranges) {
  config::NetConf out{.cni_version = "1.1.0", .name = "demo", .mode = "nat", .bridge = net::IfName::parse("trdemo")};
  out.ipam.ranges = std::move(ranges);
  return out;
}

plan::Lease lease(std::initializer_list<std::pair<const char*, const char*>> ips) {
  plan::Lease out{{}, net::Mac::parse("02:11:22:33:44:55")};
  for (const auto& [ip, gateway] : ips) out.ips.push_back({net::Cidr::parse(ip), net::Ip::parse(gateway)});
  return out;
}

Lines text(const std::vector<plan::Step>& steps) {
  Lines out;
  for (const plan::Step& step : steps) out.push_back(describe(step));
  return out;
}

Lines shared(const config::NetConf& c, const plan::Facts& facts = {}) {
  return text(modes::find("nat").shared({c, facts, "/run/trestle"}).steps);
}

modes::AttachmentInput input(const config::NetConf& c, const plan::Facts& facts, plan::Lease l) {
  return {c, facts, "/run/trestle", {"demo", "c1", "eth0"}, "/run/netns/p1", std::move(l)};
}

const std::string kHost = net::host_link_name({"demo", "c1", "eth0"}, net::IfName::parse("eth0")).str();

bool holds(const Lines& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("nat, IPv4: the switch has the gateway's address and masquerades", "[modes][nat]") {
  const auto c = conf({pool("10.88.0.0/16")});
  const std::string mac = net::switch_mac(c.bridge).str();
  const Lines lines = shared(c);
  CHECK(lines[1].starts_with("host: file /run/sysctl.d/90-trestle-trdemo-"));
  Lines rest = lines;
  rest.erase(rest.begin() + 1);
  CHECK(rest == Lines{
                    "host: sysctl net/ipv4/ip_forward = 1",
                    "host:trdemo: bridge, MAC " + mac + ", MTU 1500",
                    "host: sysctl net/ipv6/conf/trdemo/accept_ra = 0",
                    "host:trdemo: address 10.88.0.1/16",
                    "host:trdemo: up",
                    "host: sysctl net/ipv4/conf/trdemo/forwarding = 1",
                    "host: nftables tables that all switches share",
                    "host: nftables chains and sets of switch trdemo",
                    "host: elements of inet net4-trdemo: 10.88.0.0/16",
                    "host: elements of inet if-trdemo: \"trdemo\"",
                    "host: elements of inet switches: \"trdemo\"",
                    "host: elements of inet leave: \"trdemo\" : jump leave-trdemo",
                    "host: elements of inet enter: \"trdemo\" : jump enter-trdemo",
                    "host: elements of inet masq: \"trdemo\" : jump masq-trdemo",
                    "host: elements of inet hairpin: \"trdemo\" : jump hairpin-trdemo",
                    "host: elements of bridge gateways: " + net::link_local(net::switch_mac(c.bridge)).str(),
                });
}

TEST_CASE("nat: a host that learned its IPv6 default route by RA keeps it when forwarding comes on", "[modes][nat]") {
  plan::Facts facts;
  facts.ra_links = {net::IfName::parse("eth9")};
  const Lines v6 = shared(conf({pool("fd88::/64")}), facts);
  REQUIRE(v6.size() > 2);
  CHECK(v6[0] == "host: sysctl net/ipv6/conf/eth9/accept_ra >= 2");  // before forwarding, or the route is gone
  CHECK(v6[1] == "host: sysctl net/ipv6/conf/all/forwarding = 1");
  const Lines v4 = shared(conf({pool("10.88.0.0/16")}), facts);
  CHECK_FALSE(holds(v4, "host: sysctl net/ipv6/conf/eth9/accept_ra >= 2"));
  CHECK_FALSE(holds(v4, "host: sysctl net/ipv6/conf/all/forwarding = 1"));
}

TEST_CASE("nat, dual stack: the guard's elements come first, the port is up last", "[modes][nat]") {
  const auto c = conf({pool("10.88.0.0/16"), pool("fd88::/64", "subnets[1]")});
  const plan::Facts facts;
  const auto in = input(c, facts, lease({{"10.88.0.2/16", "10.88.0.1"}, {"fd88::2/64", "fd88::1"}}));
  const std::string port = '"' + kHost + '"';
  CHECK(text(modes::find("nat").attachment(in)) ==
        Lines{
            "host: elements of inet at-trdemo: " + port,
            "host: elements of bridge at-trdemo: " + port,
            "host: elements of bridge mac: " + port + " . 02:11:22:33:44:55",
            "host: elements of bridge addr4: " + port + " . 10.88.0.2",
            "host: elements of bridge addr6: " + port + " . fd88::2",
            "host: elements of bridge ports: " + port,
            "host:" + kHost + ": veth to pod:eth0, MAC 02:11:22:33:44:55, MTU 1500, port of trdemo",
            "host:" + kHost + ": port, guard locked",
            "host:" + kHost + ": static FDB entry 02:11:22:33:44:55",
            "pod: sysctl net/ipv6/conf/eth0/disable_ipv6 = 0",
            "pod: sysctl net/ipv6/conf/eth0/accept_ra = 0",
            "host:" + kHost + ": up",
            "pod:eth0: up",
            "pod:eth0: address 10.88.0.2/16",
            "pod:eth0: address fd88::2/64",
            "pod:eth0: route 0.0.0.0/0 via 10.88.0.1",
            "pod:eth0: route ::/0 via fd88::1",
            "pod:eth0: announce 10.88.0.2, fd88::2 at 02:11:22:33:44:55",
        });
}

TEST_CASE("what all neighbours know already is not announced; on a LAN nobody can tell", "[modes][nat]") {
  auto c = conf({pool("10.88.0.0/16"), pool("fd88::/64", "subnets[1]")});
  const plan::Facts facts;
  auto l = lease({{"10.88.0.2/16", "10.88.0.1"}, {"fd88::2/64", "fd88::1"}});
  l.news = false;
  const std::string at = " at 02:11:22:33:44:55";
  CHECK(text(modes::find("nat").attachment(input(c, facts, l))).back() == "pod:eth0: announce fd88::2" + at);
  l.further_news = false;
  CHECK(text(modes::find("nat").attachment(input(c, facts, l))).back() == "pod:eth0: carrier, nothing to announce");
  c.mode = "bridge";
  CHECK(text(modes::find("bridge").attachment(input(c, facts, l))).back() ==
        "pod:eth0: announce 10.88.0.2, fd88::2" + at);
  c.mode = "nat";
  auto only4 = lease({{"10.88.0.2/16", "10.88.0.1"}});
  only4.news = false;
  CHECK(text(modes::find("nat").attachment(input(c, facts, only4))).back() == "pod:eth0: carrier, nothing to announce");
}

TEST_CASE("bandwidth: one step, on the host's end of the pair, before it is up", "[modes][nat]") {
  auto c = conf({pool("10.88.0.0/16")});
  const plan::Facts facts;
  const auto l = lease({{"10.88.0.2/16", "10.88.0.1"}});
  const auto limits = [&] {
    Lines out;
    for (const std::string& line : text(modes::find("nat").attachment(input(c, facts, l))))
      if (line.find("bandwidth") != std::string::npos) out.push_back(line);
    return out;
  };
  CHECK(limits().empty());
  c.ingress = {20'000'000, 1'600'000};
  CHECK(limits() == Lines{"host:" + kHost + ": bandwidth in 20000000 bit/s (burst 1600000 bit)"});
  c.egress = {8'000, 800};
  const std::string both = "host:" + kHost +
                           ": bandwidth in 20000000 bit/s (burst 1600000 bit) out 8000 bit/s (burst 800 bit) by ifb" +
                           kHost.substr(4);
  CHECK(limits() == Lines{both});
  const Lines all = text(modes::find("nat").attachment(input(c, facts, l)));
  const auto at = std::find(all.begin(), all.end(), both);
  CHECK(std::find(all.begin(), at, "host:" + kHost + ": port, guard locked") != at);
  CHECK(std::find(at, all.end(), "host:" + kHost + ": up") != all.end());
  for (const plan::Step& step : modes::find("nat").attachment(input(c, facts, l)))
    if (const auto* shape = std::get_if<plan::Shape>(&step)) {
      CHECK(shape->group == net::link_group("/run/trestle", "demo"));
      CHECK(shape->alias == "demo/c1/eth0");
      CHECK(shape->mtu == 1500);
    }
}

TEST_CASE("nat without spoofCheck: the mark stays, the guard goes", "[modes][nat]") {
  auto c = conf({pool("10.88.0.0/16")});
  c.spoof_check = false;
  const plan::Facts facts;
  const Lines lines = text(modes::find("nat").attachment(input(c, facts, lease({{"10.88.0.2/16", "10.88.0.1"}}))));
  CHECK(lines[0] == "host: elements of inet at-trdemo: \"" + kHost + "\"");
  CHECK(lines[2].find("veth to pod:eth0") != std::string::npos);
}

TEST_CASE("routes: the config's own default route stands alone; defaultRoute false leaves none", "[modes][nat]") {
  auto c = conf({pool("10.88.0.0/16")});
  const plan::Facts facts;
  const auto l = lease({{"10.88.0.2/16", "10.88.0.1"}});
  const auto routes = [&] {
    Lines out;
    for (const std::string& line : text(modes::find("nat").attachment(input(c, facts, l))))
      if (line.find(": route ") != std::string::npos) out.push_back(line);
    return out;
  };
  // isDefaultGateway of the reference adds a second one here, and ADD fails with EEXIST.
  c.ipam.routes = {{net::Cidr::parse("0.0.0.0/0"), {}, 1400, {}, {}, {}, {}}};
  CHECK(routes() == Lines{"pod:eth0: route 0.0.0.0/0 via 10.88.0.1 mtu 1400"});
  c.ipam.routes = {{net::Cidr::parse("192.0.2.0/24"), net::Ip::parse("10.88.0.9"), {}, {}, {}, {}, {}},
                   {net::Cidr::parse("::/0"), {}, {}, {}, {}, {}, {}}};
  c.default_route = false;
  CHECK(routes() == Lines{"pod:eth0: route 192.0.2.0/24 via 10.88.0.9"});  // no IPv6 address: no IPv6 route
}

TEST_CASE("a gateway beyond the subnet is reached on-link, on both sides", "[modes][nat]") {
  const ipam::RangeSet set{
      ipam::make_range({net::Cidr::parse("192.0.2.7/32"), {}, {}, net::Ip::parse("169.254.1.1"), {}}, "ipam")};
  const auto c = conf({set});
  CHECK(holds(shared(c), "host:trdemo: address 169.254.1.1/32"));
  CHECK(holds(shared(c), "host:trdemo: route 192.0.2.7/32 on-link"));
  const plan::Facts facts;
  const Lines lines = text(modes::find("nat").attachment(input(c, facts, lease({{"192.0.2.7/32", "169.254.1.1"}}))));
  const auto onlink = std::find(lines.begin(), lines.end(), "pod:eth0: route 169.254.1.1/32 on-link");
  const auto any = std::find(lines.begin(), lines.end(), "pod:eth0: route 0.0.0.0/0 via 169.254.1.1");
  REQUIRE(onlink != lines.end());
  REQUIRE(any != lines.end());
  CHECK(onlink < any);
}

TEST_CASE("hostAccess: everything is an empty chain; a list is a chain that ends in reject", "[modes][nat]") {
  auto c = conf({pool("10.88.0.0/16")});
  CHECK(modes::nat_text(c).find("chain input-trdemo\ntable bridge\n") != std::string::npos);
  c.host_access = {false, {{53, "udp"}}};
  const std::string list = modes::nat_text(c);
  CHECK(list.find("chain input-trdemo\n  ct state established,related return\n") != std::string::npos);
  CHECK(
      list.find(
          "  udp dport 53 return\n  meta l4proto tcp reject with tcp reset\n  reject with icmpx admin-prohibited\n") !=
      std::string::npos);
}

TEST_CASE("the result names switch, host link and pod side, in this order", "[modes][nat]") {
  const auto c = conf({pool("10.88.0.0/16")});
  const plan::Facts facts{1450, true, {}};
  const cni::Result result = modes::result(input(c, facts, lease({{"10.88.0.2/16", "10.88.0.1"}})));
  REQUIRE(result.interfaces.size() == 3);
  CHECK(result.interfaces[0] == cni::Interface{"trdemo", net::switch_mac(c.bridge).str(), 1450, "", "", ""});
  CHECK(result.interfaces[1] == cni::Interface{kHost, "fe:11:22:33:44:55", 1450, "", "", ""});
  CHECK(result.interfaces[2] == cni::Interface{"eth0", "02:11:22:33:44:55", 1450, "/run/netns/p1", "", ""});
  REQUIRE(result.ips.size() == 1);
  CHECK(result.ips[0] == cni::ResultIp{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1"), 2});
  REQUIRE(result.routes.size() == 1);
  CHECK(result.routes[0].gw == net::Ip::parse("10.88.0.1"));
}

// The sweeps of GC had a list of their own, which nobody would have filled.
TEST_CASE("a sweep knows each set that attachments have elements in", "[modes][guard]") {
  plan::Table table = plan::Table::inet;
  int sets = 0;
  for (const std::string& line : base::split(modes::tables_text(), '\n')) {
    if (line.starts_with("table ")) table = line == "table bridge" ? plan::Table::bridge : plan::Table::inet;
    if (!line.starts_with("set ")) continue;
    const auto words = base::split(line, ' ');
    CAPTURE(line);
    const bool of_ports = table == plan::Table::bridge && words.at(2) == "ifname";
    CHECK(modes::is_of_attachments(table, words.at(1)) == of_ports);
    sets += of_ports;
  }
  CHECK(sets == 10);
  CHECK(modes::is_of_attachments(plan::Table::inet, "at-trdemo"));
  CHECK(modes::is_of_attachments(plan::Table::bridge, "at-trdemo"));
  CHECK_FALSE(modes::is_of_attachments(plan::Table::inet, "if-trdemo"));
}
