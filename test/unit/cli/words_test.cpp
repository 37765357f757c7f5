#include "cli/words.h"

#include <catch2/catch.hpp>

using namespace trestle;

TEST_CASE("a plan reads as its three parts, the rules' text below their line", "[cli][words]") {
  const net::IfName bridge = net::IfName::parse("trdemo"), eth0 = net::IfName::parse("eth0");
  plan::Plan plan{{bridge, {}}, {}};
  plan.shared.steps = {plan::Up{{plan::Where::host, bridge}},
                       plan::Rules{"trdemo", "table inet\nchain leave-trdemo\n  drop\n"}};
  plan.attachment = {plan::Address{{plan::Where::pod, eth0}, net::Cidr::parse("10.88.0.2/16")}};
  cni::Result result;
  result.interfaces = {{"trdemo", "02:00:00:00:00:01", 1500, "", "", ""},
                       {"eth0", "02:00:00:00:00:02", {}, "/run/netns/a", "", ""}};
  result.ips = {{net::Cidr::parse("10.88.0.2/16"), net::Ip::parse("10.88.0.1"), 1}};
  result.routes = {{net::Cidr::parse("0.0.0.0/0"), net::Ip::parse("10.88.0.1"), 1400, {}, {}, {}, {}},
                   {net::Cidr::parse("10.1.0.0/16"), {}, {}, {}, 0, {}, {}}};
  result.dns = {{"10.88.0.1"}, {"a.test", "b.test"}, {}, "c.test"};
  CHECK(cli::text(plan, result) ==
        "shared (switch trdemo):\n"
        "  host:trdemo: up\n"
        "  host: nftables chains and sets of switch trdemo\n"
        "      table inet\n"
        "      chain leave-trdemo\n"
        "        drop\n"
        "\n"
        "attachment:\n"
        "  pod:eth0: address 10.88.0.2/16\n"
        "\n"
        "result:\n"
        "  host:trdemo: MAC 02:00:00:00:00:01, MTU 1500\n"
        "  pod:eth0: MAC 02:00:00:00:00:02, in /run/netns/a\n"
        "  pod:eth0: address 10.88.0.2/16, gateway 10.88.0.1\n"
        "  route 0.0.0.0/0 via 10.88.0.1 mtu 1400\n"
        "  route 10.1.0.0/16 on-link priority 0\n"
        "  dns 10.88.0.1 domain c.test search a.test b.test\n");
}
