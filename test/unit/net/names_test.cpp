#include "net/names.h"

#include <catch2/catch.hpp>
#include <set>

#include "net/alias.h"

using namespace trestle::net;

namespace {
const Owner kOwner{"lan", "c1", "eth0"};
const IfName kEth0 = IfName::parse("eth0");
}  // namespace

// Computed by hand from the definition of the hash. A changed name would make DEL blind to what an older release made.
TEST_CASE("derived names never change from one release to the next", "[net][names]") {
  CHECK(host_link_name(kOwner, kEth0).str() == "veth30e6c22c483");
  CHECK(switch_name("lan").str() == "trlan");
  CHECK(switch_name("a-network-with-a-long-name").str() == "tr74dcc468e0a");
  CHECK(switch_mac(IfName::parse("trlan")).str() == "02:bc:eb:9a:0e:7a");
  CHECK(pod_mac(IfName::parse("trlan"), Ip::parse("10.88.0.2")).str() == "02:6e:74:6f:2f:f1");
  CHECK(owner_hash(kOwner) == 0x75249c6b0f327bd8U);
  CHECK(link_group("/run/trestle", "lan") == 0x566f03fdU);
  CHECK(switch_group("/run/trestle") == 0x59f933fdU);
  CHECK(doomed_group("/run/trestle") == 0x99f933fdU);
}

TEST_CASE("each part of the owner matters, and parts do not run together", "[net][names]") {
  const Owner owners[] = {{"lan", "c1", "eth0"}, {"lan2", "c1", "eth0"}, {"lan", "c2", "eth0"}, {"lan", "c1", "eth1"},
                          {"la", "nc1", "eth0"}, {"lanc", "1", "eth0"},  {"lan", "c", "1eth0"}, {"lan", "c1eth", "0"}};
  std::set<std::uint64_t> hashes;
  std::set<std::string> names;
  for (const Owner& owner : owners) {
    hashes.insert(owner_hash(owner));
    names.insert(host_link_name(owner, kEth0).str());
  }
  CHECK(hashes.size() == std::size(owners));
  CHECK(names.size() == std::size(owners));
  CHECK(host_link_name(kOwner, kEth0) != host_link_name(kOwner, IfName::parse("eth1")));
}

TEST_CASE("a host link's name fills the fifteen characters there are", "[net][names]") {
  CHECK(host_link_name(kOwner, kEth0).str().size() == 15);
}

TEST_CASE("a switch has its network's name where a link can have it", "[net][names]") {
  CHECK(switch_name("thirteen-char").str() == "trthirteen-char");
  const auto hashed =
      GENERATE(as<std::string>{}, "fourteen-chars", "", "a/b", "sp ace", "eth%d", "café", "-x", std::string(4000, 'x'));
  CAPTURE(hashed);
  CHECK(switch_name(hashed).str().size() == 13);
  CHECK(switch_name(hashed).str().substr(0, 2) == "tr");
}

TEST_CASE("an ifb is called by its pair's digits, as long as a name may be", "[net][names]") {
  // The link of another plugin's, in a chain: it was cut by four letters, and one of three ended in an exception.
  for (const char* name : {"c", "ch1", "cali7", "veth7", "veth01234567"}) {
    CAPTURE(name);
    CHECK(ifb_name(IfName::parse(name)).str().size() == 14);
    CHECK(ifb_name(IfName::parse(name)).str().starts_with("ifb"));
  }
  CHECK(ifb_name(IfName::parse("cali7")) != ifb_name(IfName::parse("veth7")));
  CHECK(ifb_name(IfName::parse("veth0123456789a")).str() == "ifb0123456789a");
}

TEST_CASE("MACs are unicast and locally administered, and follow switch and address", "[net][names]") {
  const IfName a = IfName::parse("tra"), b = IfName::parse("trb");
  const Ip ip = Ip::parse("10.88.0.2");
  CHECK(switch_mac(a) != switch_mac(b));
  CHECK(pod_mac(a, ip) != pod_mac(b, ip));
  CHECK(pod_mac(a, ip) != pod_mac(a, Ip::parse("10.88.0.3")));
  CHECK(pod_mac(a, ip).bytes[0] == 0x02);
  CHECK(host_side_mac(Mac::parse("02:11:22:33:44:55")).str() == "fe:11:22:33:44:55");
}

TEST_CASE("groups carry their mark, and differ by state directory and network", "[net][names]") {
  CHECK(link_group("/run/trestle", "a") >> 30 == 1);
  CHECK(switch_group("/run/trestle") >> 30 == 1);
  CHECK(doomed_group("/run/trestle") >> 30 == 2);
  CHECK(link_group("/run/trestle", "a") != link_group("/run/trestle", "b"));
  CHECK(link_group("/run/trestle", "a") != link_group("/run/other", "a"));
  CHECK(link_group("/run/trestle", "") != switch_group("/run/trestle"));
}

TEST_CASE("the link-local address is the kernel's EUI-64", "[net][names]") {
  CHECK(link_local(Mac::parse("02:11:22:33:44:55")).str() == "fe80::11:22ff:fe33:4455");
  CHECK(link_local(Mac::parse("00:16:3e:00:00:01")).str() == "fe80::216:3eff:fe00:1");
}

TEST_CASE("a link's alias tells its owner, unless it was cut or is another's", "[net][names]") {
  CHECK(link_alias(kOwner) == "lan/c1/eth0");
  CHECK(alias_owner("lan/c1/eth0") == kOwner);
  for (const char* other : {"", "trestle switch", "lan/c1", "lan//eth0", "a/b/c/d/e", "a/b/c/no NIC", "/c1/eth0"}) {
    CAPTURE(other);
    CHECK_FALSE(alias_owner(other));
  }
  const IfName nic = IfName::parse("eth1");
  CHECK(link_alias(kOwner, nic) == "lan/c1/eth0/eth1");
  CHECK(alias_owner("lan/c1/eth0/eth1") == kOwner);
  CHECK(alias_nic("lan/c1/eth0/eth1")->nic == nic);
  CHECK(alias_nic("lan/c1/eth0")->nic.str() == "eth0");
  const Owner wide{"lan", std::string(250, 'c'), "eth0"};
  CHECK(link_alias(wide).size() == 255);
  CHECK_FALSE(alias_owner(link_alias(wide)));
}
