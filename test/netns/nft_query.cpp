#include <catch2/catch.hpp>

#include "nft_texts.h"
#include "support/scratch.h"

using namespace trestle;
using namespace trestle::test;
using plan::Table;
using Lines = std::vector<std::string>;

namespace {

// The handle of the first rule of a chain that has `words` in it.
std::string handle(const std::string& chain, const std::string& words) {
  const std::string found = must_run("nft -a list chain inet trestle " + chain + " | grep -F -- '" + words +
                                     "' | head -1 | sed 's/.*# handle //'");
  return found.substr(0, found.find('\n'));
}

}  // namespace

TEST_CASE("nothing is missing when nothing was touched", "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0", false)}).done);
  bool gone = false;
  CHECK(kernel::missing_rules(socket, tables(), &gone).empty());
  CHECK(kernel::missing_rules(socket, nat_switch("tr0", false), &gone).empty());
  CHECK_FALSE(gone);
}

TEST_CASE("each change from outside is exactly one defect that names it", "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  const auto defects = [&] {
    Lines all = kernel::missing_rules(socket, tables(), nullptr);
    for (const std::string& line : kernel::missing_rules(socket, nat_switch("tr0"), nullptr)) all.push_back(line);
    return all;
  };
  SECTION("a rule deleted") {
    must_run("nft delete rule inet trestle leave-tr0 handle " + handle("leave-tr0", "invalid"));
    CHECK(defects() == Lines{"inet chain leave-tr0 has 5 of 6 rules"});
  }
  SECTION("a rule added") {
    must_run("nft insert rule inet trestle leave-tr0 drop");
    CHECK(defects() == Lines{"inet chain leave-tr0 has 6 of 6 rules and 1 others"});
  }
  SECTION("a rule replaced") {
    must_run("nft replace rule inet trestle leave-tr0 handle " + handle("leave-tr0", "invalid") + " accept");
    CHECK(defects() == Lines{"inet chain leave-tr0 has 5 of 6 rules and 1 others"});
  }
  SECTION("a chain flushed") {
    must_run("nft flush chain bridge trestle guard_nd");
    CHECK(defects() == Lines{"bridge chain guard_nd has 0 of 6 rules"});
  }
  SECTION("a chain deleted") {
    must_run("nft delete chain inet trestle enter-tr0");
    CHECK(defects() == Lines{"inet chain enter-tr0 is missing"});
  }
  SECTION("a set deleted") {
    must_run("nft delete set bridge trestle at-tr0");
    CHECK(defects() == Lines{"bridge set at-tr0 is missing"});
  }
  SECTION("a policy changed") {
    must_run("nft chain inet trestle forward '{ policy drop; }'");
    CHECK(defects() == Lines{"inet chain forward has not policy accept"});
  }
}

TEST_CASE("a table that is gone is one defect, not one per chain", "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  bool gone = false;
  must_run("nft delete table bridge trestle");
  CHECK(kernel::missing_rules(socket, tables(), &gone) == Lines{"bridge table trestle is missing"});
  CHECK(gone);
  must_run("nft flush ruleset");
  gone = false;
  CHECK(kernel::missing_rules(socket, tables(), &gone) ==
        Lines{"inet table trestle is missing", "bridge table trestle is missing"});
  CHECK(gone);
  gone = false;
  CHECK(kernel::missing_elements(socket, {Table::bridge, "ports", {element({name("veth0")})}}, &gone) ==
        Lines{R"("veth0")"});
  CHECK(gone);
}

TEST_CASE("a set that counts tells what each address sent; what is found by its absence is not counted",
          "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  must_run("ip link set lo up");
  REQUIRE(apply(socket, {{"counting",
                          "table inet\nset peer4 ipv4_addr counter\nset peer6 ipv6_addr counter\n"
                          "chain seen filter input -20\n  ip saddr @peer4 return\n  ip6 saddr @peer6 return\n"
                          "chain unseen filter input -19\n  ip saddr != @peer4 drop\n"}})
              .done);
  REQUIRE(add(socket, {Table::inet, "peer4", {element({ip("127.0.0.1")}), element({ip("127.0.0.9")})}}).done);
  REQUIRE(add(socket, {Table::inet, "peer6", {element({ip("::1")})}}).done);
  CHECK(kernel::missing_elements(socket, {Table::inet, "peer4", {element({ip("127.0.0.1")})}}, nullptr).empty());
  must_run("ping -n -c 2 -i 0.01 -s 100 127.0.0.1 && ping -n -c 1 ::1");
  auto v4 = kernel::address_counters(socket, Table::inet, "peer4");
  CHECK(v4.size() == 2);
  CHECK(v4[net::Ip::parse("127.0.0.1")].packets == 4);  // requests and replies
  CHECK(v4[net::Ip::parse("127.0.0.1")].bytes == 4 * 128);
  CHECK(v4[net::Ip::parse("127.0.0.9")].packets == 0);
  CHECK(kernel::address_counters(socket, Table::inet, "peer6")[net::Ip::parse("::1")].packets >= 2);
  CHECK(kernel::address_counters(socket, Table::inet, "nobody").empty());
}

TEST_CASE("a missing element is named, and its neighbours are not taken for it", "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  const plan::Elements nets{Table::inet, "net4-tr0", {element({cidr("10.0.0.0/24")}), element({cidr("10.0.1.0/24")})}};
  const plan::Elements macs{
      Table::bridge,
      "mac",
      {element({name("veth0"), mac("02:00:00:00:00:01")}), element({name("veth1"), mac("02:00:00:00:00:01")})}};
  const plan::Elements maps{Table::inet, "enter", {element({name("tr0")}, "enter-tr0")}};
  for (const plan::Elements& elements : {nets, macs, maps}) {
    REQUIRE(add(socket, elements).done);
    CHECK(kernel::missing_elements(socket, elements, nullptr).empty());
  }
  bool gone = false;
  must_run("nft delete element bridge trestle mac '{ veth1 . 02:00:00:00:00:01 }'");
  CHECK(kernel::missing_elements(socket, macs, &gone) == Lines{R"("veth1" . 02:00:00:00:00:01)"});
  must_run("nft delete element inet trestle net4-tr0 '{ 10.0.1.0/24 }'");
  CHECK(kernel::missing_elements(socket, nets, &gone) == Lines{"10.0.1.0/24"});
  CHECK_FALSE(gone);
  // What covers an address is not its prefix.
  CHECK(kernel::missing_elements(socket, {Table::inet, "net4-tr0", {element({cidr("10.0.0.128/25")})}}, &gone).size() ==
        1);
  CHECK(kernel::missing_elements(socket, {Table::inet, "net4-tr0", {element({cidr("10.0.0.0/25")})}}, &gone).size() ==
        1);
  // The right key with a wrong value is not the element.
  CHECK(kernel::missing_elements(socket, {Table::inet, "enter", {element({name("tr0")}, "leave-tr0")}}, &gone).size() ==
        1);
}

TEST_CASE("the names and elements of our tables are listed, and only of ours", "[nft][query]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  CHECK(kernel::set_names(socket, Table::inet).empty());
  CHECK(kernel::list_elements(socket, Table::inet, "net4-tr0").empty());
  must_run("nft add table inet foreign");
  must_run("nft add chain inet foreign theirs");
  must_run("nft add set inet foreign theirs '{ type ifname; }'");
  REQUIRE(apply(socket, {{"x",
                          "table inet\nset s ifname . ether_addr . ipv6_addr\nset n ipv6_addr interval\nmap m ifname : "
                          "verdict\nchain c\n"}})
              .done);
  CHECK(kernel::set_names(socket, Table::inet) == Lines{"s", "n", "m"});
  const plan::Elements three{Table::inet, "s", {element({name("veth0"), mac("02:00:00:00:00:01"), ip("fd88::2")})}};
  const plan::Elements nets{
      Table::inet,
      "n",
      {element({cidr("fd88::/64")}), element({cidr("fd88:0:0:1::/64")}), element({cidr("ff00::/8")})}};
  const plan::Elements map{Table::inet, "m", {element({name("tr0")}, "c")}};
  for (const plan::Elements& elements : {three, nets, map}) {
    REQUIRE(add(socket, elements).done);
    CHECK(kernel::list_elements(socket, Table::inet, elements.set) == elements.elements);
  }
}
