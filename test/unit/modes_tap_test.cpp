// A TAP's plan as text, in every mode, and its result.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "modes/modes.h"

using namespace trestle;

namespace {

using Lines = std::vector<std::string>;

config::NetConf conf(const std::string& mode) {
  config::NetConf out{.cni_version = "1.1.0", .name = "demo", .mode = mode, .bridge = net::IfName::parse("trdemo")};
  out.ipam.ranges = {{ipam::make_range({net::Cidr::parse("10.88.0.0/16"), {}, {}, {}, {}}, "subnets[0]")}};
  out.tap = config::Tap{};
  return out;
}

const plan::Facts kFacts;

modes::AttachmentInput input(const config::NetConf& c, bool leased = true, const char* ifname = "eth0") {
  plan::Lease lease{{}, net::Mac::parse("02:11:22:33:44:55")};
  if (leased) lease.ips = {{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1")}};
  return {c, kFacts, "/run/trestle", {"demo", "c1", ifname}, "/run/netns/p1", lease};
}

Lines attachment(const modes::AttachmentInput& in) {
  Lines out;
  for (const plan::Step& step : modes::find(in.conf.mode).attachment(in)) out.push_back(describe(step));
  return out;
}

// Without the guard's elements.
Lines links(const modes::AttachmentInput& in) {
  Lines out = attachment(in);
  std::erase_if(out, [](const std::string& line) { return line.find(": elements of ") != std::string::npos; });
  return out;
}

const std::string kHost = net::host_link_name({"demo", "c1", "eth0"}, net::IfName::parse("eth0")).str();

bool holds(const Lines& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("tap: a pair without addresses, routes and IPv6, redirected to a TAP, the host end up last", "[modes][tap]") {
  const auto mode = GENERATE(as<std::string>{}, "nat", "routed", "isolated", "bridge");
  CAPTURE(mode);
  CHECK(links(input(conf(mode))) ==
        Lines{
            "host:" + kHost + ": veth to pod:eth0, MAC 02:11:22:33:44:55, MTU 1500, port of trdemo",
            "host:" + kHost + ": port, guard",
            "pod: sysctl net/ipv6/conf/eth0/disable_ipv6 = 1",
            "pod:tap0: tap, owner 107, MTU 1500",
            "pod: sysctl net/ipv6/conf/tap0/disable_ipv6 = 1",
            "pod:eth0: redirect to and from pod:tap0",
            "pod:eth0: up, without IPv6",
            "pod:tap0: up, without IPv6",
            "host:" + kHost + ": up",
        });
}

TEST_CASE("tap: the guard holds the guest's MAC and addresses as a pod's", "[modes][tap]") {
  const Lines lines = attachment(input(conf("nat")));
  CHECK(holds(lines, "host: elements of bridge mac: \"" + kHost + "\" . 02:11:22:33:44:55"));
  CHECK(holds(lines, "host: elements of bridge addr4: \"" + kHost + "\" . 10.88.0.2"));
  CHECK(holds(lines, "host: elements of bridge ports: \"" + kHost + "\""));
}

TEST_CASE("tap: live migration: the port learns, and nothing says beforehand where the guest is", "[modes][tap]") {
  auto c = conf("bridge");
  c.allowed_macs = {net::Mac::parse("02:00:00:00:00:77")};
  for (const std::string& line : attachment(input(c))) {
    CHECK(line.find("FDB") == std::string::npos);
    CHECK(line.find("locked") == std::string::npos);
    CHECK(line.find("announce") == std::string::npos);
  }
}

TEST_CASE("tap: no hairpin with published ports, unless it is asked for", "[modes][tap]") {
  auto c = conf("nat");
  c.port_mappings = {{"tcp", {}, 8080, 80}};
  CHECK(holds(attachment(input(c)), "host:" + kHost + ": port, guard"));
  c.hairpin = true;
  CHECK(holds(attachment(input(c)), "host:" + kHost + ": port, hairpin guard"));
  c.hairpin = false;
  c.tap.reset();
  CHECK(holds(attachment(input(c)), "host:" + kHost + ": port, hairpin guard locked"));
}

TEST_CASE("tap: what the configuration says of it", "[modes][tap]") {
  auto c = conf("nat");
  c.mtu = 9000;
  c.tap = config::Tap{1000, 36, true, net::IfName::parse("vm0"), {}, false};
  const Lines lines = attachment(input(c));
  CHECK(holds(lines, "pod:vm0: tap, owner 1000, group 36, multi-queue, MTU 9000"));
  CHECK(holds(lines, "pod:eth0: redirect to and from pod:vm0"));
  // An MTU below IPv6's least takes the links' IPv6 away, and with it the key that would be written.
  c.mtu = 1000;
  for (const std::string& line : attachment(input(c))) CHECK(line.find("disable_ipv6") == std::string::npos);
}

TEST_CASE("tap: its name is where KubeVirt looks for it", "[modes][tap]") {
  const auto name = [](const char* nic) { return net::tap_name(net::IfName::parse(nic)).str(); };
  CHECK(name("eth0") == "tap0");
  CHECK(name("net1") == "tap1");
  CHECK(name("pod6446d58d6df") == "tap6446d58d6df");
  CHECK(name("fifteen-letters") == "tapteen-letters");
  CHECK(name("e0") == "tape0");
  try {
    attachment(input(conf("nat"), true, "tap0"));
    FAIL("a TAP with the name of its interface");
  } catch (const base::Error& e) {
    CHECK(e.code == base::Code::bad_config);
  }
}

TEST_CASE("tap: the result names switch, host link, pod side and TAP, in this order", "[modes][tap]") {
  const auto c = conf("nat");
  const cni::Result result = modes::result(input(c));
  REQUIRE(result.interfaces.size() == 4);
  CHECK(result.interfaces[0].name == "trdemo");
  CHECK(result.interfaces[1] == cni::Interface{kHost, "fe:11:22:33:44:55", 1500, "", "", ""});
  CHECK(result.interfaces[2] == cni::Interface{"eth0", "02:11:22:33:44:55", 1500, "/run/netns/p1", "", ""});
  CHECK(result.interfaces[3] == cni::Interface{"tap0", "fe:11:22:33:44:55", 1500, "/run/netns/p1", "", ""});
  REQUIRE(result.ips.size() == 1);
  CHECK(result.ips[0] == cni::ResultIp{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1"), 2});
  REQUIRE(result.routes.size() == 1);
}

TEST_CASE("tap: vmInterface adds the guest's own interface and a copy of each address, as firecracker-go-sdk reads it",
          "[modes][tap]") {
  auto c = conf("nat");
  c.tap->vm_interface = true;
  const cni::Result result = modes::result(input(c));
  REQUIRE(result.interfaces.size() == 5);
  CHECK(result.interfaces[4] == cni::Interface{"tap0", "02:11:22:33:44:55", 1500, "c1", "", ""});
  REQUIRE(result.ips.size() == 2);
  CHECK(result.ips[0].interface == 2);
  CHECK(result.ips[1] == cni::ResultIp{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1"), 4});
  c.cni_version = "0.2.0";  // it has no interfaces, and would take the copy for a second address
  CHECK(modes::result(input(c)).ips.size() == 1);
}

TEST_CASE("tap behind another plugin: its interface stays as it is, and so does its result", "[modes][tap]") {
  auto c = conf("chained");
  c.chained = config::Chained{net::IfName::parse("veth9"),
                              plan::PortFlags{},
                              1400,
                              net::Mac::parse("02:11:22:33:44:55"),
                              {{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1")}}};
  c.tap->vm_interface = true;
  CHECK(links(input(c)) == Lines{
                               "host:veth9: port, guard",
                               "pod:tap0: tap, owner 107, MTU 1400",
                               "pod: sysctl net/ipv6/conf/tap0/disable_ipv6 = 1",
                               "pod:eth0: redirect to and from pod:tap0",
                               "pod:tap0: up, without IPv6",
                           });
  const cni::Result result = modes::result(input(c));
  REQUIRE(result.interfaces.size() == 2);
  CHECK(result.interfaces[0].name == "tap0");
  CHECK(result.interfaces[1].sandbox == "c1");
  REQUIRE(result.ips.size() == 1);
  CHECK(result.ips[0].interface == 1);
}
