// An address that comes back with another MAC: who has talked to it before reaches it at once, and nobody is told what he knows already.
#include <catch2/catch.hpp>

#include "nat_guest.h"

using namespace trestle::test;
using nlohmann::json;

namespace {

constexpr const char* kAddress = "10.88.0.77";

json with_mac(const json& conf, const std::string& mac) {
  json out = conf;
  out["runtimeConfig"]["ips"] = {kAddress};
  if (!mac.empty()) out["runtimeConfig"]["mac"] = mac;
  return out;
}

json v4_conf() {
  json conf = demo_conf();
  conf["subnets"] = {"10.88.0.0/16"};
  conf["capabilities"] = {{"ips", true}, {"mac", true}};
  return conf;
}

std::string known_mac(const Guest& neighbour) {
  const Ran ran = neighbour.pod().exec(std::string("ip -4 neigh show ") + kAddress);
  const auto at = ran.out.find("lladdr ");
  return at == std::string::npos ? "" : ran.out.substr(at + 7, 17);
}

bool reaches(const Guest& from) { return from.pod().exec(std::string("ping -c 1 -W 1 ") + kAddress).ok(); }

}  // namespace

TEST_CASE("neighbours learn that an address has another MAC now", "[nat][announce]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest neighbour(node, "neighbour", v4_conf());
  const std::string first = GENERATE("02:00:00:00:00:77", "");
  {
    const Guest old(node, "old", with_mac(v4_conf(), first));
    REQUIRE(reaches(neighbour));
    REQUIRE(known_mac(neighbour) == old.mac());
    old.leave();
  }
  const Guest fresh(node, "fresh", with_mac(v4_conf(), first.empty() ? "02:00:00:00:00:78" : ""));
  CHECK(known_mac(neighbour) == fresh.mac());  // by the announcement: nobody has asked
  CHECK(reaches(neighbour));
  leave_nothing(node, {&neighbour, &fresh});
}

TEST_CASE("an address whose MAC follows from it is not announced to pods that cannot know another", "[nat][announce]") {
  Node node;
  const Lan lan(node.host());
  node.settle();
  const Guest neighbour(node, "neighbour", v4_conf());
  std::string mac;
  {
    const Guest old(node, "old", with_mac(v4_conf(), ""));
    REQUIRE(reaches(neighbour));
    mac = old.mac();
    old.leave();
  }
  REQUIRE(known_mac(neighbour) == mac);
  neighbour.pod().must_exec(
      "nft 'add table arp heard; add chain arp heard in { type filter hook input priority 0; }; add rule arp heard in "
      "counter'");
  const Guest again(node, "again", with_mac(v4_conf(), ""));
  CHECK(again.mac() == mac);
  CHECK_THAT(neighbour.pod().must_exec("nft list table arp heard"), Catch::Contains("counter packets 0 "));
  CHECK(reaches(neighbour));
  leave_nothing(node, {&neighbour, &again});
}
