#include "cli/graph.h"

#include <catch2/catch.hpp>

using namespace trestle;
using Catch::Contains;

namespace {

store::Record web() {
  store::Record record;
  record.owner = {"demo", "c1", "eth0"};
  record.mode = "nat";
  record.pod = "default/web";
  record.nics = {{net::IfName::parse("eth0"), net::IfName::parse("veth1"), net::IfName::parse("trdemo"),
                  net::Mac::parse("02:00:00:00:00:07")}};
  record.leases = {{"trdemo", net::Ip::parse("10.88.0.2"), 0}};
  record.plan = {
      plan::Vlans{net::IfName::parse("veth1"), false, 7, {{100, 110}}, true},
      plan::Address{{plan::Where::pod, net::IfName::parse("eth0")}, net::Cidr{net::Ip::parse("10.88.0.2"), 16}}};
  return record;
}

store::Part part() {
  const net::IfName bridge = net::IfName::parse("trdemo");
  plan::Bridge made{bridge, net::Mac::parse("02:00:00:00:00:01"), 1400, 7, false};
  return {bridge,
          "0123456789abcdef",
          "demo",
          {made, plan::Address{{plan::Where::host, bridge}, net::Cidr{net::Ip::parse("10.88.0.1"), 16}},
           plan::Bond{net::IfName::parse("bond0"),
                      "active-backup",
                      {net::IfName::parse("eth1"), net::IfName::parse("eth2")},
                      net::Mac::parse("02:00:00:00:00:01"),
                      7},
           plan::Uplink{net::IfName::parse("bond0"), bridge},
           plan::Vlans{net::IfName::parse("bond0"), false, std::nullopt, {{7, 7}}, true}},
          true};
}

}  // namespace

TEST_CASE("a pod, its NIC, the switch with its uplinks and the way out are drawn", "[graph]") {
  const store::Record record = web();
  const std::string text = cli::dot({{record, "ok"}}, {part()});
  CHECK_THAT(text, Contains(R"(label="default/web")"));
  CHECK_THAT(text, Contains(R"("pod c1 eth0" [label="eth0\n10.88.0.2/16\n02:00:00:00:00:07"];)"));
  CHECK_THAT(text, Contains(R"("pod c1 eth0" -> "switch trdemo" [label="veth1\nVLAN 7,100-110t"];)"));
  CHECK_THAT(text, Contains(R"([label="trdemo\nnat: demo\n10.88.0.1/16\nMTU 1400")"));
  CHECK_THAT(text, Contains(R"("switch trdemo" -> "nic bond0" [label="VLAN 7t"];)"));
  CHECK_THAT(text, Contains(R"("nic bond0" -> "nic eth1";)") && Contains(R"("nic bond0" -> "nic eth2";)"));
  CHECK_THAT(text, Contains(R"("switch trdemo" -> "outside" [style=dashed, label="as the host"];)"));
  CHECK_THAT(text, !Contains("red"));
}

TEST_CASE("each of several NICs is in its own network, and a TAP has its own addresses", "[graph]") {
  store::Record record = web();
  const net::IfName back = net::IfName::parse("trback");
  store::Part first = part(),
              second{back, "1123456789abcdef", "back", {plan::Elements{plan::Table::inet, "enter", {}}}, true};
  first.steps.emplace_back(plan::Elements{plan::Table::inet, "masq", {}});
  record.nics.push_back({net::IfName::parse("eth1"), net::IfName::parse("veth2"), back, net::Mac{}});
  record.parts = {{first.bridge, first.digest}, {second.bridge, second.digest}};
  record.leases = {{"trdemo", net::Ip::parse("10.88.0.2"), 0}, {"trback", net::Ip::parse("10.99.0.2"), 1}};
  record.plan = {plan::Tap{net::IfName::parse("tap1"), net::Mac{}, 107, std::nullopt, false, 1500, "", ""},
                 plan::Redirect{net::IfName::parse("eth1"), net::IfName::parse("tap1")}};
  const std::string text = cli::dot({{record, "ok"}}, {first, second});
  CHECK_THAT(text, Contains("trdemo\\nnat: demo") && Contains("trback\\nisolated: back"));
  CHECK_THAT(text, Contains("tap1 (TAP)\\n10.99.0.2\\n") && !Contains("trback\" -> \"outside"));
}

TEST_CASE("a virtual machine is told from a pod: its name, its TAP, the guest's addresses", "[graph]") {
  store::Record record = web();
  record.vm = "default/vm1";
  record.leases = {{"trdemo", net::Ip::parse("10.88.0.2")}};
  record.plan = {plan::Tap{net::IfName::parse("tap0"), net::Mac::parse("fe:00:00:00:00:07"), 107, std::nullopt, false,
                           1500, "", ""},
                 plan::Redirect{net::IfName::parse("eth0"), net::IfName::parse("tap0")}};
  const std::string text = cli::dot({{record, "ok"}}, {part()});
  CHECK_THAT(text, Contains(R"(label="default/web\nVM default/vm1")"));
  CHECK_THAT(text, Contains(R"([label="tap0 (TAP)\n10.88.0.2\n02:00:00:00:00:07", shape=component, style=filled];)"));
  CHECK_THAT(text, Contains("#f2e9f7") && !Contains("#eef5ea"));
}

TEST_CASE("a network over many nodes has its tunnel, and a delegate's addresses stand as ours", "[graph]") {
  store::Record record = web();
  record.leases.clear();
  record.plan.clear();
  record.result = nlohmann::json::parse(
      R"({"interfaces":[{"name":"eth0"},{"name":"eth0","sandbox":"/x"}],"ips":[{"address":"10.7.0.2/24","interface":1}]})");
  store::Part over = part();
  over.steps.emplace_back(plan::Vxlan{net::IfName::parse("vx42"), {}, 42, 4789, {}, {}, {}, false, false, false, {}});
  const std::string text = cli::dot({{record, "ok"}}, {over});
  CHECK_THAT(text, Contains(R"("switch trdemo" -> "tunnel vx42" [style=dashed, label="VXLAN 42"];)"));
  CHECK_THAT(text, Contains(R"("pod c1 eth0" [label="eth0\n10.7.0.2/24\n)"));
}

TEST_CASE("what is not in order is red, and says why", "[graph]") {
  const store::Record record = web();
  CHECK_THAT(cli::dot({{record, "degraded"}}, {part()}), Contains(R"(color=red, fontcolor=red, tooltip="degraded")"));
}

TEST_CASE("a switch without a part of ours in it is told from ours", "[graph]") {
  store::Record record = web();
  record.mode = "bridge";
  const std::string text = cli::dot({{record, "ok"}}, {});
  CHECK_THAT(text, Contains(R"-(label="trdemo\nbridge: demo\n(not ours)")-") && !Contains("outside"));
}

TEST_CASE("two attachments of one pod stand in one box", "[graph]") {
  const store::Record first = web();
  store::Record second = web();
  second.owner.ifname = "eth1";
  second.nics.front().name = net::IfName::parse("eth1");
  const std::string text = cli::dot({{first, "ok"}, {second, "ok"}}, {part()});
  CHECK_THAT(text, Contains("cluster_0") && !Contains("cluster_1"));
  CHECK_THAT(text, Contains(R"("pod c1 eth1")"));
}

TEST_CASE("a pod's name cannot break out of its quotes", "[graph]") {
  store::Record record = web();
  record.pod = "a\"];evil\\\n\x01";
  CHECK_THAT(cli::dot({{record, "ok"}}, {}), Contains(R"(label="a\"];evil\\\n";)"));
}

TEST_CASE("an empty node is an empty graph", "[graph]") {
  const std::string text = cli::dot({}, {});
  CHECK(text.starts_with("digraph trestle {\n"));
  CHECK(text.ends_with("}\n"));
  CHECK_THAT(text, !Contains("->"));
}
