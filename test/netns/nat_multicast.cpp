// Multicast keeps its sender: between pods, and where the host routes it on.
#include <linux/in.h>
#include <linux/mroute.h>
#include <net/if.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "nat_guest.h"
#include "support/frame.h"
#include "support/wire.h"

using namespace trestle::test;

namespace {

constexpr const char *kGroup = "239.1.2.3", *kGroupMac = "01:00:5e:01:02:03";

// The kernel's multicast router of this namespace: one flow from one link to another, while the object lives.
class Router {
 public:
  Router(const std::string& source, const char* from, const char* to)
      : fd_(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP)) {
    const int on = 1;
    if (!set(MRT_INIT, on)) return;
    mfcctl flow{};
    std::memcpy(&flow.mfcc_origin, ip_bytes(source).data(), 4);
    std::memcpy(&flow.mfcc_mcastgrp, ip_bytes(kGroup).data(), 4);
    flow.mfcc_ttls[1] = 1;
    works_ = add(0, from) && add(1, to) && set(MRT_ADD_MFC, flow);
  }
  bool works() const { return works_; }

 private:
  template <class T>
  bool set(int option, const T& value) {
    return ::setsockopt(fd_.get(), IPPROTO_IP, option, &value, sizeof value) == 0;
  }
  bool add(vifi_t number, const char* link) {
    vifctl vif{};
    vif.vifc_vifi = number;
    vif.vifc_flags = VIFF_USE_IFINDEX;
    vif.vifc_threshold = 1;
    vif.vifc_lcl_ifindex = static_cast<int>(::if_nametoindex(link));
    return set(MRT_ADD_VIF, vif);
  }
  trestle::base::Fd fd_;
  bool works_ = false;
};

}  // namespace

TEST_CASE("multicast is not masqueraded, neither on the switch nor where the host routes it on", "[nat][multicast]") {
  const bool bridge_nf = GENERATE(false, true);
  CAPTURE(bridge_nf);
  Node node;
  NEEDS_KERNEL(set_bridge_nf(bridge_nf) || !bridge_nf, "br_netfilter");
  const Lan lan(node.host());
  node.settle();
  const Guest a(node, "a"), b(node, "b");
  {
    const Router router(a.ip4(), "trdemo", Lan::kUplink);
    NEEDS_KERNEL(router.works(), "multicast routing");
    Wire from(a.netns(), "eth0"), beside(b.netns(), "eth0"), outside(lan.netns(), "eth0");
    from.send(
        ethernet(kGroupMac, a.mac(), kEthIp4, ip4(a.ip4(), kGroup, 17, udp(5000, 5000, "to whom it may concern"), 8)));
    const auto own = [&](const Frame& frame) {
      return frame.bytes.find("concern") != std::string::npos &&
             frame.bytes.find(ip_bytes(a.ip4())) != std::string::npos;
    };
    CHECK(beside.wait(own, 2000));
    CHECK(outside.wait(own, 2000));
  }
  leave_nothing(node, {&a, &b});
}

TEST_CASE("only a switch that reaches beyond the node snoops multicast, and all pods get it either way",
          "[nat][multicast]") {
  Node node;
  make_wire("uplink1", "far1");
  node.settle();
  const auto snoops = [] { return must_run("cat /sys/class/net/trdemo/bridge/multicast_snooping") == "1\n"; };
  const std::string mode = GENERATE(as<std::string>{}, "nat", "routed", "isolated", "bridge");
  CAPTURE(mode);
  auto conf = demo_with({{"mode", mode}});
  if (mode == "bridge") conf["uplink"] = "uplink1";
  const Guest a(node, "a", conf), b(node, "b", conf);
  CHECK(snoops() == (mode == "bridge"));
  Wire from(a.netns(), "eth0"), beside(b.netns(), "eth0");
  from.send(
      ethernet(kGroupMac, a.mac(), kEthIp4, ip4(a.ip4(), kGroup, 17, udp(5000, 5000, "to whom it may concern"), 1)));
  CHECK(beside.wait_for("concern", 2000));
  CHECK_THAT(a.pod().exec("ping -c 2 -i 0.2 -W 1 ff02::1%eth0").out, Catch::Contains("from " + b.ip6() + ":"));
  if (mode != "bridge") return;
  must_run("echo 0 > /sys/class/net/trdemo/bridge/multicast_snooping");
  CHECK_THAT(told(node.check(a.pod(), a.added(), conf)), Catch::Contains("does not snoop multicast"));
  const Guest c(node, "c", conf);
  CHECK(snoops());
}
