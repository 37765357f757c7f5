#include <catch2/catch.hpp>
#include <chrono>

#include <nlohmann/json.hpp>
#include "support/frame.h"

#include "support/lan.h"
#include "support/netns.h"
#include "support/scratch.h"
#include "support/snapshot.h"
#include "support/traffic.h"
#include "support/wire.h"

namespace trestle::test {

namespace {

TEST_CASE("a test runs in no namespace of the machine's", "[support]") {
  CHECK_FALSE(in_machine_netns());
  CHECK(must_run("ip -o link show up").empty());
  const ScratchHost host;
  CHECK_FALSE(in_machine_netns());
  CHECK(must_run("ls /sys/class/net | grep -vx bonding_masters") == "lo\n");
  must_run("ip link add x type bridge");
  CHECK(must_run("ls /sys/class/net | grep -vx bonding_masters") == "lo\nx\n");
}

TEST_CASE("a program's status, output and input are its own", "[support]") {
  const Ran ran = run("echo out; echo err >&2; exit 3");
  CHECK(ran.status == 3);
  CHECK(ran.out == "out\n");
  CHECK(ran.err == "err\n");
  const std::string big(1 << 20, 'x');
  CHECK(start({{"/bin/cat"}, {}, big}).out == big);
  CHECK(start({{"/bin/sleep", "30"}, {}, {}, 100}).status == 128 + 9);
  CHECK(run("kill -TERM $$").status == 128 + 15);
  CHECK_THROWS(must_run("false"));
}

TEST_CASE("a LAN reaches its host and sees who calls", "[support]") {
  const ScratchHost host;
  const Lan lan(host);
  CHECK(tcp_talk(host.netns(), Lan::kOutside4, 7).seen() == Lan::kHost4);
  CHECK(tcp_talk(host.netns(), Lan::kOutside6, 7).seen() == Lan::kHost6);
  CHECK(udp_talk(host.netns(), Lan::kOutside4, 7, 1000, 4242).answer == "192.0.2.2 4242");
  CHECK(udp_talk(host.netns(), Lan::kOutside6, 7).seen() == Lan::kHost6);
  CHECK(ping(host.netns(), Lan::kOutside4) == Reach::connected);
  CHECK(ping(host.netns(), Lan::kOutside6) == Reach::connected);
  CHECK(ping(lan.netns(), Lan::kHost4) == Reach::connected);
  CHECK(tcp_talk(host.netns(), Lan::kOutside4, 8).reach == Reach::refused);
  CHECK(udp_talk(host.netns(), Lan::kOutside6, 8).reach == Reach::refused);
}

TEST_CASE("silence, refusal and no route are told apart", "[support]") {
  const ScratchHost host;
  const Lan lan(host);
  lan.exec(
      "nft 'add table inet t; add chain inet t in { type filter hook input priority 0; policy drop; };"
      "add rule inet t in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'");
  CHECK(tcp_talk(host.netns(), Lan::kOutside4, 7, 200).reach == Reach::timeout);
  CHECK(udp_talk(host.netns(), Lan::kOutside6, 7, 200).reach == Reach::timeout);
  CHECK(ping(host.netns(), Lan::kOutside6, 200) == Reach::timeout);
  const Pod pod("lonely");
  CHECK(tcp_talk(pod.netns(), Lan::kOutside4, 7, 200).reach == Reach::unreachable);
  CHECK(ping(pod.netns(), Lan::kOutside6, 200) == Reach::unreachable);
  CHECK(std::string(name_of(Reach::unreachable)) == "unreachable");
}

TEST_CASE("a difference of snapshots names what came and what went, and nothing else", "[support]") {
  const ScratchHost host;
  const Lan lan(host);
  const Snapshot before = snapshot();
  CHECK(ping(host.netns(), Lan::kOutside4) == Reach::connected);
  CHECK(changed_since(before) == kNothing);
  must_run("ip addr add 10.0.0.1/32 dev lo && nft add table inet x && ip rule add from 10.0.0.1 table 77");
  const auto changed = difference(before, snapshot());
  CAPTURE(changed);
  CHECK(changed.size() == 6);  // the address (its link's line twice), its local route, the table's two lines, the rule
  must_run("ip addr del 10.0.0.1/32 dev lo && nft delete table inet x && ip rule del from 10.0.0.1 table 77");
  CHECK(changed_since(before) == kNothing);
}

TEST_CASE("frames go out and come in as they were built", "[support]") {
  const ScratchHost host;
  const Lan lan(host);
  Wire inside(host.netns(), Lan::kUplink), outside(lan.netns(), "eth0");
  const std::string probe = ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:77", kEthArp,
                                     arp(1, "02:00:00:00:00:77", "192.0.2.77", "00:00:00:00:00:00", Lan::kOutside4));
  inside.send(probe);
  const auto heard = outside.wait([&](const Frame& frame) { return frame.bytes == probe && !frame.outgoing; }, 500);
  CHECK(heard);
  // The LAN answers: checksums and lengths of what was built are right in its eyes.
  const std::string outside_mac = nlohmann::json::parse(lan.exec("ip -j link show dev eth0").out)[0]["address"];
  inside.forget();
  inside.send(
      ethernet(outside_mac, "02:00:00:00:00:77", kEthIp4, ip4(Lan::kHost4, Lan::kOutside4, 17, udp(999, 7, "hello"))));
  CHECK(inside.wait_for("192.0.2.2 999", 500));
  inside.send(
      ethernet(outside_mac, "02:00:00:00:00:77", kEthIp6, ip6(Lan::kHost6, Lan::kOutside6, 17, udp(999, 7, "hello"))));
  CHECK(inside.wait_for("2001:db8::2 999", 500));
  inside.send(ethernet(
      "33:33:ff:00:00:01", "02:00:00:00:00:77", kEthIp6,
      ip6(Lan::kHost6, "ff02::1:ff00:1", 58, neighbour_message(135, 0, Lan::kOutside6, "02:00:00:00:00:77"), 255)));
  CHECK(inside.wait([&](const Frame& f) { return f.bytes.size() >= 62 && f.bytes[54] == '\x88' && !f.outgoing; }, 500));
}

TEST_CASE("a pod's file lives and dies as a runtime's", "[support]") {
  const ScratchHost host;
  Pod pod("p");
  CHECK(pod.must_exec("ip -j link show up").find("\"lo\"") != std::string::npos);
  CHECK(must_run("ip netns exec p ip -j link show up").find("\"lo\"") != std::string::npos);
  pod.remove(true);
  CHECK(must_run("stat -c %s /run/netns/p") == "0\n");
  pod.remove();
  CHECK(files_below("/run/netns").empty());
}

}  // namespace

}  // namespace trestle::test
