#include <catch2/catch.hpp>
#include <chrono>

#include "kernel/address.h"
#include "kernel/announce.h"
#include "kernel_world.h"
#include "support/frame.h"
#include "support/traffic.h"
#include "support/wire.h"

namespace trestle::test {

namespace {

using namespace trestle::kernel;

const plan::Announce kAnnounce{kPodEnd, kVethStep.pod_mac, {net::Ip::parse("10.88.0.2"), net::Ip::parse("fd88::2")}};

// A pod that is up with its addresses, as at the end of an ADD.
struct Announced : World {
  Announced() {
    make_bridge();
    make_veth();
    set_port(batch, {kHostEnd, false, false, false});
    outer.send_or_throw(batch);
    set_all_up();
    index = index_of(inner, kPodEnd);
    for (const char* text : {"10.88.0.2/16", "fd88::2/64"})
      add_address(batch, index, net::Cidr::parse(text), false, text);
    inner.send_or_throw(batch);
    await_carrier(inner, index, outer);
  }
  std::uint32_t index = 0;
};

std::string gratuitous_arp() {
  const std::string mac = mac_bytes("02:00:00:00:00:02"), ip = ip_bytes("10.88.0.2");
  return mac_bytes("ff:ff:ff:ff:ff:ff") + mac + std::string("\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10) + mac + ip +
         std::string(6, '\0') + ip;
}

bool is_unsolicited_advertisement(const Frame& frame) {
  const std::string& f = frame.bytes;
  return f.size() >= 86 && f.substr(0, 12) == mac_bytes("33:33:00:00:00:01") + mac_bytes("02:00:00:00:00:02") &&
         f.substr(12, 2) == "\x86\xdd" && f[21] == '\xff' /* hop limit */ && f.substr(22, 16) == ip_bytes("fd88::2") &&
         f.substr(38, 16) == ip_bytes("ff02::1") && f[54] == '\x88' &&
         f[58] == '\x20' /* override, neither solicited nor router */ && f.substr(62, 16) == ip_bytes("fd88::2") &&
         f.substr(78, 8) == std::string("\x02\x01", 2) + mac_bytes("02:00:00:00:00:02");
}

TEST_CASE("the announcements leave the pod and reach the bridge, where everybody hears them", "[kernel][announce]") {
  Announced w;
  Wire pod(w.pod.netns(), "eth0"), bridge(w.host.netns(), "tr0");
  announce_arp(w.batch, w.index, kAnnounce);
  w.inner.send_or_throw(w.batch);
  {
    const Inside inside(w.pod.netns());
    CHECK(announce_nd(w.index, kAnnounce) == 0);
  }
  CHECK(pod.wait_for(gratuitous_arp(), 500));
  CHECK(bridge.wait_for(gratuitous_arp(), 500));
  CHECK(pod.wait(is_unsolicited_advertisement, 500));
  CHECK(bridge.wait(is_unsolicited_advertisement, 500));
}

TEST_CASE("a neighbour that knew the address by another MAC learns the new one", "[kernel][announce]") {
  Announced w;
  must_run("ip addr add 10.88.0.1/16 dev tr0 && ip addr add fd88::1/64 nodad dev tr0");
  must_run("ip neigh add 10.88.0.2 lladdr 02:de:ad:00:00:01 nud stale dev tr0");
  must_run("ip neigh add fd88::2 lladdr 02:de:ad:00:00:01 nud stale dev tr0");
  announce_arp(w.batch, w.index, kAnnounce);
  w.inner.send_or_throw(w.batch);
  {
    const Inside inside(w.pod.netns());
    CHECK(announce_nd(w.index, kAnnounce) == 0);
  }
  CHECK(ping(w.host.netns(), "10.88.0.2") == Reach::connected);
  CHECK(ping(w.host.netns(), "fd88::2") == Reach::connected);
  CHECK(must_run("ip neigh show dev tr0").find("02:de:ad") == std::string::npos);
}

TEST_CASE("a carrier is not waited for where there is none", "[kernel][announce]") {
  World w;
  w.make_bridge();
  w.make_veth();
  const auto start = std::chrono::steady_clock::now();
  await_carrier(w.inner, w.index_of(w.inner, kPodEnd), w.outer);
  await_carrier(w.inner, 4711, w.outer);
  CHECK(std::chrono::steady_clock::now() - start < at_most(500));
}

TEST_CASE("an IPv6 address is waited for until the pod receives for it, one that never comes not for long",
          "[kernel][announce]") {
  Announced w;
  await_addresses(w.inner, kAnnounce.addresses);
  {
    const Inside inside(w.pod.netns());
    CHECK(must_run("ip -6 route get fd88::2").find("local") == 0);
  }
  const auto start = std::chrono::steady_clock::now();
  await_addresses(w.inner, {net::Ip::parse("fd88::77"), net::Ip::parse("10.88.0.2")});
  CHECK(std::chrono::steady_clock::now() - start < at_most(500));
}

TEST_CASE("nothing to announce is nothing to do, and what fails is told by errno", "[kernel][announce]") {
  Announced w;
  const plan::Announce only4{kPodEnd, kVethStep.pod_mac, {net::Ip::parse("10.88.0.2")}};
  const plan::Announce foreign{kPodEnd, kVethStep.pod_mac, {net::Ip::parse("fd88::77")}};
  announce_arp(w.batch, w.index, foreign);
  CHECK(w.batch.empty());
  const Inside inside(w.pod.netns());
  CHECK(announce_nd(w.index, only4) == 0);
  CHECK(announce_nd(w.index, foreign) != 0);  // not an address of the pod
  CHECK(announce_nd(4711, kAnnounce) != 0);
}

}  // namespace

}  // namespace trestle::test
