#include "net/vm_identity.h"

#include <catch2/catch.hpp>
#include <set>

using namespace trestle::net;

TEST_CASE("the VM of a KubeVirt pod is told by the pod's name, and no other pod has one", "[net][vm]") {
  struct Case {
    std::string pod, vm;
  };
  const auto c = GENERATE(values<Case>({
      {"virt-launcher-web-x7k2p", "web"},
      {"virt-launcher-my-web-1-abcde", "my-web-1"},
      {"virt-launcher-a-00000", "a"},
      {"virt-launcher-web.example-x7k2p", "web.example"},
      {"", ""},
      {"web-x7k2p", ""},
      {"virt-launcher-", ""},
      {"virt-launcher-x7k2p", ""},
      {"virt-launcher--x7k2p", ""},
      {"virt-launcher-web-x7k2", ""},
      {"virt-launcher-web-x7k2pq", ""},
      {"virt-launcher-web-X7K2P", ""},
      {"my-virt-launcher-web-x7k2p", ""},
      {"virt-launcher-" + std::string(42, 'v') + "-x7k2p", std::string(42, 'v')},  // 62 characters
      {"virt-launcher-" + std::string(43, 'v') + "-x7k2p", ""},  // 63: Kubernetes may have cut the VM's name
      {"virt-launcher-" + std::string(44, 'v') + "x7k2p", ""},
  }));
  CAPTURE(c.pod);
  CHECK(vm_of_pod(c.pod) == c.vm);
}

TEST_CASE("what the configuration calls the VM wins, and the namespace stands before it", "[net][vm]") {
  CHECK(vm_identity("", "virt-launcher-web-x7k2p", "prod") == "prod/web");
  CHECK(vm_identity("db", "virt-launcher-web-x7k2p", "prod") == "prod/db");
  CHECK(vm_identity("db", "", "") == "db");
  CHECK(vm_identity("", "web-x7k2p", "prod").empty());
  CHECK(vm_identity("", "", "prod").empty());
  // A tenant that asks for another's VM gets one of that name in its own namespace.
  CHECK(vm_identity("prod/web", "pod", "test") == "test/prod/web");
}

// Computed by hand from the definition of the hash. A changed MAC would cut off every guest that migrates to an upgraded node.
TEST_CASE("a VM's MAC never changes from one release to the next", "[net][vm]") {
  CHECK(vm_mac(IfName::parse("trlan"), {"prod/web", "eth0"}).str() == "02:f9:11:c1:8b:1b");
}

TEST_CASE("each of switch, VM and NIC makes another MAC", "[net][vm]") {
  const IfName a = IfName::parse("tra"), b = IfName::parse("trb");
  const std::set<Mac> macs = {vm_mac(a, {"web", "eth0"}), vm_mac(b, {"web", "eth0"}), vm_mac(a, {"db", "eth0"}),
                              vm_mac(a, {"web", "eth1"}), vm_mac(a, {"we", "beth0"})};
  CHECK(macs.size() == 5);
  for (const Mac& mac : macs) CHECK(mac.bytes[0] == 0x02);
}
