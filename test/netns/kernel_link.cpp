#include <catch2/catch.hpp>
#include <cerrno>

#include "kernel_world.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

TEST_CASE("a bridge is born with its MAC and group, and a lower MAC or MTU of a port changes neither",
          "[kernel][link]") {
  World w;
  w.make_bridge();
  CHECK(witness("tr0")["address"] == "02:00:00:00:00:b1");
  CHECK(witness("tr0")["group"] == "1073741825");
  CHECK(witness("tr0")["mtu"] == 1500);
  CHECK(witness("tr0")["linkinfo"]["info_kind"] == "bridge");
  must_run("ip link add low address 02:00:00:00:00:01 mtu 1300 master tr0 up type veth peer name low2");
  CHECK(witness("tr0")["address"] == "02:00:00:00:00:b1");
  CHECK(witness("tr0")["mtu"] == 1500);

  const auto link = get_link(w.outer, kBridge);
  REQUIRE(link);
  CHECK(link->kind == "bridge");
  CHECK(link->mac == kBridgeStep.mac);
  CHECK(link->group == kBridgeStep.group);
  CHECK(link->mtu == 1500);
  CHECK(link->up());
}

TEST_CASE("a bridge whose MTU equals the one bridges are born with keeps it too", "[kernel][link]") {
  World w;
  plan::Bridge odd = kBridgeStep;
  odd.mtu = GENERATE(as<std::uint32_t>{}, 1499, 9000);
  add_bridge(w.batch, odd);
  w.outer.send_or_throw(w.batch);
  set_link(w.batch, kBridge, odd.mtu, nullptr, std::nullopt, std::nullopt);
  w.outer.send_or_throw(w.batch);
  must_run("ip link add low mtu 1300 master tr0 up type veth peer name low2");
  CHECK(witness("tr0")["mtu"] == odd.mtu);
}

TEST_CASE("a bridge of that name that exists is refused and left as it was", "[kernel][link]") {
  World w;
  must_run("ip link add tr0 type bridge");
  const auto before = witness("tr0");
  add_bridge(w.batch, kBridgeStep);
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].err == EEXIST);
  CHECK(witness("tr0") == before);
}

TEST_CASE("one message makes both ends of a veth, down, each where it belongs", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  const auto host = witness("vethabc");
  CHECK(host["address"] == "fe:00:00:00:00:02");
  CHECK(host["mtu"] == 1400);
  CHECK(host["master"] == "tr0");
  CHECK(host["group"] == "1073741826");
  CHECK(host["linkinfo"]["info_kind"] == "veth");
  const auto pod = nlohmann::json::parse(w.pod.must_exec("ip -d -j link show dev eth0")).at(0);
  CHECK(pod["address"] == "02:00:00:00:00:02");
  CHECK(pod["mtu"] == 1400);
  CHECK(pod["group"] == "default");  // a Trestle inside the pod must not sweep it
  for (const auto& end : {host, pod})
    for (const auto& flag : end["flags"]) CHECK(flag != "UP");

  const auto outer = get_link(w.outer, kHostEnd), inner = get_link(w.inner, kPodEnd);
  REQUIRE(outer);
  REQUIRE(inner);
  CHECK(outer->peer == inner->index);
  CHECK(inner->peer == outer->index);
  CHECK(outer->master == w.index_of(w.outer, kBridge));
  CHECK(outer->port_kind == "bridge");
  CHECK_FALSE(outer->up());
}

TEST_CASE("a veth that cannot be made leaves neither end, and the error says which and why", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.pod.must_exec("ip link add eth0 type bridge");
  add_veth(w.batch, kVethStep, w.index_of(w.outer, kBridge), w.pod.netns().get());
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].err == EEXIST);
  CHECK(refused[0].label.find("link vethabc: create veth") == 0);
  CHECK_FALSE(get_link(w.outer, kHostEnd));
}

TEST_CASE("port flags are set and cleared, and the host end gets no IPv6 address when it goes up", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  set_port(w.batch, {kHostEnd, true, true, true});
  set_link(w.batch, kHostEnd, std::nullopt, nullptr, std::nullopt, kVethStep.alias);
  w.outer.send_or_throw(w.batch);
  auto link = get_link(w.outer, kHostEnd).value();
  CHECK((link.hairpin && link.isolated && link.guard));
  CHECK(link.alias == "net/pod/eth0");
  auto data = witness("vethabc")["linkinfo"]["info_slave_data"];
  CHECK(data["hairpin"] == true);
  CHECK(data["isolated"] == true);
  CHECK(data["guard"] == true);

  set_port(w.batch, {kHostEnd, false, false, false});
  w.outer.send_or_throw(w.batch);
  link = get_link(w.outer, kHostEnd).value();
  CHECK_FALSE((link.hairpin || link.isolated || link.guard));

  w.set_all_up();
  CHECK(get_link(w.outer, kHostEnd)->up());
  CHECK(must_run("ip -6 -j addr show dev vethabc").find("fe80") == std::string::npos);
}

TEST_CASE("port flags work where IPv6 is not to be had on a link", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  must_run("ip link set vethabc mtu 1200");  // below IPv6's minimum: the kernel takes IPv6 off the link
  set_port(w.batch, {kHostEnd, true, false, false});
  CHECK(w.outer.send(w.batch).empty());
  CHECK(get_link(w.outer, kHostEnd)->hairpin);
}

TEST_CASE("changing a link changes what is given and nothing else; one that is not there is an error",
          "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  const net::Mac mac = net::Mac::parse("02:00:00:00:00:99");
  set_link(w.batch, kHostEnd, 1350, &mac, 7, "x");
  w.outer.send_or_throw(w.batch);
  const auto link = get_link(w.outer, kHostEnd).value();
  CHECK(link.mtu == 1350);
  CHECK(link.mac == mac);
  CHECK(link.group == 7);
  CHECK(link.alias == "x");
  set_link(w.batch, kHostEnd, std::nullopt, nullptr, std::nullopt,
           std::string(300, 'a'));  // longer than the kernel takes
  w.outer.send_or_throw(w.batch);
  CHECK(get_link(w.outer, kHostEnd)->alias == std::string(255, 'a'));
  CHECK(get_link(w.outer, kHostEnd)->mtu == 1350);

  // A group and an unknown name: an old kernel would change every link of that group.
  set_link(w.batch, net::IfName::parse("none"), 1300, nullptr, 7, std::nullopt);
  const auto refused = w.outer.send(w.batch);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].err == ENODEV);
  CHECK(get_link(w.outer, kHostEnd)->mtu == 1350);
}

TEST_CASE("deleting a link takes both ends; deleting twice is fine", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  const auto index = w.index_of(w.outer, kHostEnd);
  for (int i = 0; i < 2; ++i) {
    delete_link(w.batch, index, kHostEnd.str());
    CHECK(w.outer.send(w.batch).empty());
    CHECK_FALSE(get_link(w.outer, kHostEnd));
    CHECK_FALSE(get_link(w.inner, kPodEnd));
    CHECK_FALSE(get_link(w.outer, index));
  }
}

TEST_CASE("links of a group go with one message, others stay, and an empty group is fine", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  must_run(
      "for i in a b c; do ip link add $i type bridge; done; ip link set a group 77; ip link set b group 77; ip link "
      "set c group 78");
  delete_group(w.batch, 77);
  delete_group(w.batch, 77);
  delete_group(w.batch, 76);
  CHECK(w.outer.send(w.batch).empty());
  CHECK_FALSE(get_link(w.outer, net::IfName::parse("a")));
  CHECK_FALSE(get_link(w.outer, net::IfName::parse("b")));
  CHECK(get_link(w.outer, net::IfName::parse("c")));
  CHECK(get_link(w.outer, kHostEnd));
  CHECK_THROWS_AS(delete_group(w.batch, 0), base::Error);
}

TEST_CASE("a list of links is all of them, or the ports of one bridge", "[kernel][link]") {
  World w;
  w.make_bridge();
  w.make_veth();
  const auto names = [](const std::vector<LinkInfo>& links) {
    std::vector<std::string> all;
    for (const LinkInfo& link : links) all.push_back(link.name);
    return all;
  };
  CHECK(names(dump_links(w.outer)) == std::vector<std::string>{"lo", "tr0", "vethabc"});
  CHECK(names(dump_links(w.outer, w.index_of(w.outer, kBridge))) == std::vector<std::string>{"vethabc"});
}

}  // namespace

}  // namespace trestle::test
