// The UDP checksum of what the DHCP server says. Between links of one host the kernel leaves it open, and says so beside the frame: not everybody
// hears that.
#include "guests_world.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle;
using namespace trestle::test;

namespace {

// Of an IPv4 packet's UDP, as it stands in the frame.
bool has_right_checksum(const std::string& frame) {
  const std::string packet = frame.substr(14);
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packet[at]); };
  const std::size_t header = (byte(0) & 15U) * 4U;
  const std::size_t length = byte(header + 4) * 256U + byte(header + 5);
  const std::string pseudo = packet.substr(12, 8) + std::string("\0\x11", 2) + packet.substr(header + 4, 2);
  return packet.substr(header + 6, 2) != std::string(2, '\0') && checksum(pseudo + packet.substr(header, length)) == 0;
}

bool is_answer(const Frame& frame) {  // UDP 67 -> 68
  return !frame.outgoing && frame.bytes.size() > 42 && frame.bytes.substr(12, 2) == std::string("\x08\0", 2) &&
         frame.bytes.substr(34, 4) == std::string("\0\x43\0\x44", 4);
}

}  // namespace

TEST_CASE("what DHCP answers carries its checksum for those who read raw frames; CHECK sees to it, repair mends it",
          "[guests][dhcp][checksum]") {
  NEEDS_DNSMASQ;
  NEEDS_KERNEL(kernel_fills_checksums(), "tc's action csum");
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  const auto answer = [&] {
    Wire wire(a.netns(), "eth0");
    REQUIRE(dhcp(a.pod(), 5));
    const auto frame = wire.wait(is_answer, 1000);
    REQUIRE(frame);
    return frame->bytes;
  };
  CHECK(has_right_checksum(answer()));
  CHECK(told(node.check(a.pod(), a.added(), guests_with())) == "0 ");

  must_run("tc filter del dev trdemo egress");
  CHECK_FALSE(has_right_checksum(answer()));  // else this test could not fail
  CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::Contains("checksums of DHCP's answers"));
  CHECK(node.command({"repair"}).ok());
  CHECK(has_right_checksum(answer()));

  // Another's qdisc stays, and is no reason to fail.
  must_run("tc qdisc del dev trdemo clsact && tc qdisc add dev trdemo ingress");
  CHECK(told(node.check(a.pod(), a.added(), guests_with())) == "0 ");
  CHECK(node.command({"repair"}).ok());
  CHECK_THAT(must_run("tc qdisc show dev trdemo"), Catch::Contains("ingress") && !Catch::Contains("clsact"));
  leave_nothing(node, {&a});
}

TEST_CASE("a switch that stays without its services is left without the filter", "[guests][checksum]") {
  NEEDS_DNSMASQ;
  NEEDS_KERNEL(kernel_fills_checksums(), "tc's action csum");
  ServiceNode node;
  auto plain = demo_with({{"name", "plain"}, {"bridge", "trdemo"}, {"subnets", {"10.89.0.0/24"}}});
  const Guest a(node, "a", guests_with()), b(node, "b", plain);
  CHECK_THAT(must_run("tc filter show dev trdemo egress"), Catch::Contains("csum"));
  a.leave();
  // The qdisc goes with the switch: an empty one may be another program's by now, which puts its filter in next.
  CHECK(must_run("tc filter show dev trdemo egress") == "");
  leave_nothing(node, {&b});
}

TEST_CASE("another program's filter of the same priority is not taken for ours, and stays",
          "[guests][dhcp][checksum]") {
  NEEDS_DNSMASQ;
  NEEDS_KERNEL(kernel_fills_checksums(), "tc's action csum");
  ServiceNode node;
  const Guest a(node, "a", guests_with());
  must_run(
      "tc filter del dev trdemo egress && tc filter add dev trdemo egress protocol ip prio 29810 u32 match ip dport 99 "
      "0xffff action drop");
  const std::string filters = "tc filter show dev trdemo egress";
  CHECK_THAT(told(node.check(a.pod(), a.added(), guests_with())), Catch::Contains("checksums of DHCP's answers"));
  CHECK(node.command({"repair"}).ok());
  CHECK(told(node.check(a.pod(), a.added(), guests_with())) == "0 ");
  CHECK_THAT(must_run(filters), Catch::Contains("csum") && Catch::Contains("match 00000063/0000ffff"));
  a.leave();
}
