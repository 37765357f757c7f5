// What CHECK does not mind, and what it asks for.
#include <catch2/catch.hpp>

#include "verbs_node.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("CHECK says nothing when nothing changed, in every version that has it", "[check]") {
  const auto version = GENERATE(as<std::string>{}, "0.4.0", "1.0.0", "1.1.0");
  const Node node;
  const Pod pod("c1");
  const json conf = demo_conf(version);
  const Answer added = node.must_add(pod, conf);
  CHECK(told(node.check(pod, added, conf)) == "0 ");
}

TEST_CASE("what others add beside ours is no error", "[check]") {
  struct Row {
    const char* what;
    const char* command;
  };
  const Row rows[] = {
      {"an address in the pod", "ip -n c1 addr add 10.7.7.7/24 dev eth0"},
      {"an IPv6 address in the pod", "ip -n c1 addr add fd77::7/64 dev eth0"},
      {"a route in the pod", "ip -n c1 route add 10.8.0.0/16 via 10.88.0.9"},
      {"a default route of less weight", "ip -n c1 route add default via 10.88.0.9 metric 500"},
      {"an address on the switch", "ip addr add 10.66.0.1/24 dev trdemo"},
      {"a foreign port on the switch",
       "ip link add foreign type veth peer name other && ip link set foreign master trdemo up"},
      {"a foreign table",
       "nft add table inet other && nft add chain inet other c '{ type filter hook forward priority 0; }'"},
      {"an element of another port", "nft add element bridge trestle ports { veth0 }"},
      {"accept_ra of the host higher", "sysctl -qw net.ipv6.conf.default.accept_ra=2"},
      {"another interface in the pod", "ip -n c1 link add net1 type bridge"},
      {"an alias", "ip link set trdemo alias mine"},
      {"another queue", "ip link set trdemo txqueuelen 77"},
  };
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod);
  for (const Row& row : rows) {
    CAPTURE(row.what);
    must_run(row.command);
    CHECK(told(node.check(pod, added)) == "0 ");
  }
}

TEST_CASE("MAC and MTU that a later plugin set are as prevResult says", "[check]") {
  const Node node;
  const Pod pod("c1");
  const json conf = demo_with({{"allowedMACs", {"02:00:00:00:00:55"}}});  // else nothing would leave it
  Answer added = node.must_add(pod, conf);
  pod.must_exec(
      "ip link set eth0 down && ip link set eth0 address 02:00:00:00:00:55 mtu 1300 && ip link set eth0 up && ip -6 "
      "addr add fd88::2/64 dev eth0 nodad && "
      "ip route add default via 10.88.0.1 && ip -6 route add default via fd88::1");
  CHECK(node.check(pod, added, conf).code() == 105);
  json& nic = added.json.at("interfaces").at(2);
  nic["mac"] = "02:00:00:00:00:55";
  nic["mtu"] = 1300;
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  nic["mtu"] = 1301;
  CHECK_THAT(node.check(pod, added, conf).json.value("details", ""), Contains("1300") && Contains("1301"));
}

TEST_CASE("interfaces of plugins after us in prevResult do not confuse CHECK", "[check]") {
  const Node node;
  const Pod pod("c1");
  Answer added = node.must_add(pod);
  added.json["interfaces"].insert(added.json["interfaces"].begin(),
                                  json{{"name", "bwp0"}, {"mac", "02:00:00:00:00:66"}, {"mtu", 900}});
  added.json["interfaces"].push_back({{"name", "net1"}, {"mac", "02:00:00:00:00:67"}, {"sandbox", pod.path()}});
  added.json["ips"].push_back({{"address", "10.5.5.5/24"}, {"interface", 4}});
  CHECK(told(node.check(pod, added)) == "0 ");
}

TEST_CASE("a pod NIC that KubeVirt renamed, with its addresses moved to a bridge, is no false alarm", "[check]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod);
  const std::string mac = mac_of(added);
  pod.must_exec(
      "ip link set eth0 down && ip link set eth0 name eth0-nic && ip addr flush dev eth0-nic && ip link set eth0-nic "
      "address 02:00:00:00:00:44 && "
      "ip link add k6t-eth0 type bridge && ip link set eth0-nic master k6t-eth0 up && ip link set k6t-eth0 up && "
      "ip link add eth0 type veth peer name e0 && ip addr add 10.88.0.2/16 dev eth0 && ip -6 addr add fd88::2/64 dev "
      "eth0 nodad");
  CHECK(told(node.check(pod, added)) == "0 ");
  // What is ours is still looked at.
  must_run("ip link set " + host_link_of(added) + " nomaster");
  CHECK_THAT(node.check(pod, added).json.value("details", ""), Contains("is no port of trdemo"));
  // repair once put the guest's address on eth0-nic and set the other eth0 up.
  const char* look = "ip -br addr | grep -v k6t; ip -br link | grep -v k6t";  // its carrier comes when it comes
  const std::string inside = pod.must_exec(look);
  CHECK(node.command({"repair"}).ok());
  CHECK(told(node.check(pod, added)) == "0 ");
  CHECK(pod.must_exec(look) == inside);
}

TEST_CASE("CHECK wants the ADD's result, record and namespace", "[check]") {
  const Node node;
  const Pod pod("c1"), other("c2");
  const Answer added = node.must_add(pod);
  CHECK(node.call("CHECK", pod, demo_conf()).code() == 7);

  Answer stripped = added;
  stripped.json["ips"].erase(1);
  CHECK_THAT(node.check(pod, stripped).json.value("details", ""), Contains("fd88::2"));

  const Answer elsewhere = node.check(pod, added, demo_conf(), {{"CNI_NETNS", other.path()}});
  CHECK(elsewhere.code() == 105);
  CHECK_THAT(elsewhere.json.value("details", ""), Contains("another namespace"));
  const Answer gone = node.check(pod, added, demo_conf(), {{"CNI_NETNS", "/run/netns/nobody"}});
  CHECK(gone.code() == 105);
  CHECK_THAT(gone.json.value("details", ""), Contains("is gone"));

  CHECK(node.check(other, added).code() == 105);
  node.must_del(pod);
  const Answer deleted = node.check(pod, added);
  CHECK(deleted.code() == 105);
  CHECK_THAT(deleted.json.value("details", ""), Contains("no record"));
  CHECK(node.left() == kNothing);
}

TEST_CASE("STATUS is 51 while what lives is impaired, and well again after repair", "[check][status]") {
  const Node node;
  const Pod pod("c1");
  CHECK(told(node.status()) == "0 ");
  CHECK(node.left() == kNothing);
  CHECK(files_below(node.state()) == kNothing);
  node.must_add(pod);
  CHECK(told(node.status()) == "0 ");
  must_run("nft flush ruleset");
  const Answer limited = node.status();
  CHECK(limited.code() == 51);
  CHECK_THAT(limited.json.value("msg", ""), Contains("trestle repair"));
  CHECK(node.command({"repair"}).ok());
  CHECK(told(node.status()) == "0 ");
  // The next ADD heals a flush by itself, for all.
  must_run("nft flush ruleset");
  const Pod second("c2");
  node.must_add(second);
  CHECK(told(node.status()) == "0 ");
  CHECK(node.command({"check"}).ok());
}

TEST_CASE("CHECK changes nothing", "[check]") {
  const Node node;
  const Pod pod("c1");
  const Answer added = node.must_add(pod);
  must_run("nft flush ruleset && sysctl -qw net.ipv4.ip_forward=0 && ip link set trdemo mtu 1400");
  const Snapshot before = snapshot();
  const auto files = files_below(node.state());
  CHECK(node.check(pod, added).code() == 105);
  CHECK(changed_since(before) == kNothing);
  CHECK(files_below(node.state()) == files);
  CHECK(must_run("sysctl -n net.ipv4.ip_forward") == "0\n");
}

TEST_CASE("what a later plugin made of MAC and MTU is no defect where no prevResult tells of it, and repair leaves it",
          "[check][repair]") {
  // repair and the agent took back what `tuning` had set, and the runtime's CHECK failed from then on.
  const Node node;
  const Pod pod("c1");
  const json conf = demo_with({{"allowedMACs", {"02:00:00:00:00:55"}}});
  Answer added = node.must_add(pod, conf);
  const auto set = [&](const std::string& mac, int mtu) {
    pod.must_exec("ip link set eth0 down && ip link set eth0 address " + mac + " mtu " + std::to_string(mtu) +
                  " && ip link set eth0 up && ip -6 addr replace fd88::2/64 dev eth0 nodad && ip route replace default "
                  "via 10.88.0.1 && ip -6 route replace default via fd88::1");
  };
  set("02:00:00:00:00:55", 1300);
  const Ran checked = node.command({"check"});
  CHECK(checked.ok());
  CHECK_THAT(checked.out, Contains("as configured"));
  CHECK(node.command({"repair"}).ok());
  json& nic = added.json.at("interfaces").at(2);
  nic["mac"] = "02:00:00:00:00:55";
  nic["mtu"] = 1300;
  CHECK(told(node.check(pod, added, conf)) == "0 ");
  set("02:00:00:00:00:66", 1300);  // which the guard lets not pass
  CHECK_THAT(node.command({"check"}).out, Contains("MAC of the pod end is 02:00:00:00:00:66"));
}
