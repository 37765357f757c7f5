// Frames of a guest: by the TAP, the redirect and the switch, and back.
#include <catch2/catch.hpp>

#include "support/frame.h"
#include "tap_vm.h"

using namespace trestle::test;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr const char *kGateway = "10.88.0.1", *kAll = "ff:ff:ff:ff:ff:ff", *kNobody = "00:00:00:00:00:00",
                     *kStranger = "02:99:99:99:99:99";

std::string switch_mac() { return json::parse(must_run("ip -j link show dev trdemo")).at(0).at("address"); }

std::string datagram(const std::string& to_mac, const std::string& mac, const std::string& from, const std::string& to,
                     const std::string& text) {
  return ethernet(to_mac, mac, kEthIp4, ip4(from, to, 17, udp(4000, 4000, text)));
}

// As far as the guard looks, and a mark.
std::string discover(const std::string& mac) { return std::string(28, '\0') + mac_bytes(mac) + "DISCOVER!"; }

}  // namespace

TEST_CASE("tap: a guest reaches its gateway, the outside through NAT, and a pod, and is reached", "[tap][traffic]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest pod(node, "pod", demo_conf());
  Vm vm(node, "vm");
  const std::string gateway = ask_arp(vm.nic(), vm.mac(), vm.ip4(), kGateway);
  CHECK(gateway == switch_mac());
  CHECK(echo_from(vm.nic(), vm.mac(), vm.ip4(), gateway, kGateway));
  CHECK(echo_from(vm.nic(), vm.mac(), vm.ip4(), gateway, Lan::kOutside4));
  const std::string neighbour = ask_arp(vm.nic(), vm.mac(), vm.ip4(), pod.ip4());
  CHECK(neighbour == pod.mac());
  CHECK(echo_from(vm.nic(), vm.mac(), vm.ip4(), neighbour, pod.ip4()));
  CHECK(echo_from(vm.nic(), vm.mac(), vm.ip4(), neighbour, pod.ip4(), 1472));  // a full frame
  {
    const GuestStack stack(vm.nic(), vm.mac(), vm.ip4());
    CHECK(ping(pod.netns(), vm.ip4()) == Reach::connected);
    CHECK(ping(node.host().netns(), vm.ip4()) == Reach::connected);
    CHECK(pod.pod().exec("ping -c1 -W2 -M do -s 1472 " + vm.ip4()).ok());
  }
  vm.leave();
  pod.leave();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: guest to guest, with one queue and with many, with virtio headers and without", "[tap][traffic]") {
  const Node node;
  const bool headers = GENERATE(true, false);
  CAPTURE(headers);
  Vm a(node, "a", tap_conf(), {}, {107, 107, false, headers});
  Vm b(node, "b", tap_conf({{"tap", {{"multiQueue", true}}}}), {}, {107, 107, true, headers});
  const GuestStack stack(b.nic(), b.mac(), b.ip4());
  CHECK(ask_arp(a.nic(), a.mac(), a.ip4(), b.ip4()) == b.mac());
  CHECK(echo_from(a.nic(), a.mac(), a.ip4(), b.mac(), b.ip4()));
  a.leave();
  b.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: DHCP and RARP leave the guest; a live migration's switch-over moves it to another port",
          "[tap][traffic]") {
  const Node node;
  const Pod listener("l");
  node.must_add(listener);
  Wire to(listener.netns(), "eth0");
  Vm vm(node, "vm");
  vm.nic().send(
      ethernet(kAll, vm.mac(), kEthIp4, ip4("0.0.0.0", "255.255.255.255", 17, udp(68, 67, discover(vm.mac())))));
  CHECK(to.wait_for("DISCOVER!", 500));
  // What QEMU sends when a guest has arrived (qemu_announce_self).
  vm.nic().send(ethernet(kAll, vm.mac(), 0x8035, arp(3, vm.mac(), "0.0.0.0", vm.mac(), "0.0.0.0")));
  CHECK(to.wait_for(std::string("\x80\x35", 2), 500));
  CHECK_THAT(must_run("bridge fdb show br trdemo"), Contains(vm.mac() + " dev " + vm.host_link()));
  vm.leave();
  node.must_del(listener);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: the redirect carries a tagged frame of the guest, tag and all", "[tap][traffic]") {
  const Node node;
  Vm vm(node, "vm", tap_conf({{"spoofCheck", false}}));
  Wire port(node.host().netns(), vm.host_link());
  const std::string frame = datagram(kAll, vm.mac(), vm.ip4(), "10.88.255.255", "in a VLAN");
  vm.nic().send(frame.substr(0, 12) + std::string("\x81\0\0\x2a", 4) + frame.substr(12));
  const auto seen = port.wait_for("in a VLAN", 500);
  REQUIRE(seen);
  // A packet socket hands the tag over beside the frame; tcpdump and the switch see it.
  vm.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: a guest that spoofs gets nowhere, and is not learned", "[tap][traffic]") {
  const Node node;
  const Pod listener("l");
  const Answer added = node.must_add(listener);
  const std::string its_mac = mac_of(added), its_ip = addresses_of(added).front();
  Wire to(listener.netns(), "eth0");
  Vm vm(node, "vm");
  const auto arrives = [&](const std::string& frame, const std::string& text) {
    vm.nic().send(frame);
    return to.wait_for(text, 200).has_value();
  };
  CHECK(arrives(datagram(its_mac, vm.mac(), vm.ip4(), its_ip, "as itself"), "as itself"));
  CHECK_FALSE(arrives(datagram(its_mac, kStranger, vm.ip4(), its_ip, "other MAC"), "other MAC"));
  CHECK_FALSE(arrives(datagram(its_mac, vm.mac(), "10.88.0.99", its_ip, "other address"), "other address"));
  CHECK_FALSE(arrives(datagram(its_mac, its_mac, its_ip, its_ip, "as the neighbour"), "as the neighbour"));
  // Its MAC with the gateway's address; the address alone is in what the host itself sends now and then.
  CHECK_FALSE(arrives(ethernet(kAll, vm.mac(), kEthArp, arp(1, vm.mac(), kGateway, kNobody, its_ip)),
                      mac_bytes(vm.mac()) + ip_bytes(kGateway)));
  CHECK_FALSE(
      arrives(ethernet(kAll, vm.mac(), kEthIp4, ip4(vm.ip4(), "255.255.255.255", 17, udp(67, 68, "OFFER"))), "OFFER"));
  CHECK_FALSE(run("bridge fdb show br trdemo | grep -i " + std::string(kStranger)).ok());
  vm.leave();
  node.must_del(listener);
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: the pod's kernel says nothing, whoever switches what on there", "[tap][traffic]") {
  // kubevirt#17195, #11069: IPv6 frames of the target pod's kernel led a running guest's traffic away before the switch-over.
  const Node node;
  const Pod listener("l"), pod("vm");
  must_run("sysctl -qw net.ipv4.conf.default.arp_notify=1 net.ipv4.conf.all.arp_notify=1");
  pod.must_exec(
      "sysctl -qw net.ipv4.conf.all.arp_notify=1 net.ipv4.conf.default.arp_notify=1 net.ipv6.conf.all.forwarding=1");
  node.must_add(listener);
  Wire to(listener.netns(), "eth0");
  to.forget();
  const Answer added = node.must_add(pod, tap_conf());
  const std::string host = host_link_of(added);
  Wire port(node.host().netns(), host);
  {
    const GuestNic nic(pod.netns(), "tap0");  // the carrier comes, as when a hypervisor starts
    const std::string mac = mac_bytes(mac_of(added)), ends_like = mac.substr(1);
    CHECK_FALSE(port.wait([](const Frame& frame) { return !frame.outgoing; }, 2500));
    CHECK_FALSE(to.wait([&](const Frame& frame) { return frame.bytes.substr(7, 5) == ends_like; }, 100));
  }
  node.must_del(pod, tap_conf());
  node.must_del(listener);
  must_run("sysctl -qw net.ipv4.conf.default.arp_notify=0 net.ipv4.conf.all.arp_notify=0");
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: isolated guests reach each other, neither the host nor the outside", "[tap][traffic]") {
  const Node node;
  const json conf = tap_mode("isolated");
  Vm a(node, "a", conf), b(node, "b", conf);
  {
    const GuestStack stack(b.nic(), b.mac(), b.ip4());
    CHECK(ask_arp(a.nic(), a.mac(), a.ip4(), b.ip4()) == b.mac());
    CHECK(echo_from(a.nic(), a.mac(), a.ip4(), b.mac(), b.ip4()));
  }
  CHECK(ask_arp(a.nic(), a.mac(), a.ip4(), kGateway, 300).empty());
  CHECK_FALSE(echo_from(a.nic(), a.mac(), a.ip4(), switch_mac(), kGateway, 32, 300));
  a.leave();
  b.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: on the LAN a guest is one more machine", "[tap][traffic]") {
  Node node;
  wire_nic1();
  node.settle();
  const json conf = tap_mode("bridge");
  Vm vm(node, "vm", conf);
  CHECK(vm.added().json.value("ips", json::array()).empty());
  Wire lan(node.host().netns(), "plug1");
  vm.nic().send(
      ethernet(kAll, vm.mac(), kEthIp4, ip4("0.0.0.0", "255.255.255.255", 17, udp(68, 67, discover(vm.mac())))));
  CHECK(lan.wait_for("DISCOVER!", 500));
  lan.send(datagram(vm.mac(), kStranger, "192.0.2.9", "192.0.2.10", "from the LAN"));
  CHECK(vm.nic().wait_for("from the LAN", 500));
  vm.nic().send(datagram(kAll, kStranger, "192.0.2.10", "192.0.2.9", "other MAC"));
  CHECK_FALSE(lan.wait_for("other MAC", 200));
  vm.leave();
  CHECK(node.left() == kNothing);
}

TEST_CASE("tap: published ports lead to the guest", "[tap][traffic]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  json conf = tap_conf({{"capabilities", {{"portMappings", true}}}});
  conf["runtimeConfig"]["portMappings"] = {{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "udp"}}};
  Vm vm(node, "vm", conf);
  const std::string gateway = ask_arp(vm.nic(), vm.mac(), vm.ip4(), kGateway);
  CHECK(echo_from(vm.nic(), vm.mac(), vm.ip4(), gateway, kGateway));  // so that the host knows its MAC
  (void)udp_talk(lan.netns(), Lan::kHost4, 8080, 50);
  const std::string port_80("\0\x50", 2);
  CHECK(vm.nic().wait(
      [&](const Frame& frame) { return frame.bytes.size() > 38 && frame.bytes.substr(36, 2) == port_80; }, 500));
  vm.leave();
  must_run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
  CHECK(node.left() == kNothing);
}
