#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <thread>

#include "base/error.h"
#include "nft_texts.h"
#include "support/scratch.h"

using namespace trestle;
using namespace trestle::test;
using plan::Table;

namespace {

const plan::Elements kPorts{Table::bridge, "ports", {element({name("veth0")}), element({name("veth1")})}};
const plan::Elements kMac{Table::bridge, "mac", {element({name("veth0"), mac("02:00:00:00:00:01")})}};
const plan::Elements kNet{Table::inet, "net4-tr0", {element({cidr("10.88.0.0/16")})}};
const plan::Elements kLeave{Table::inet, "leave", {element({name("tr0")}, "leave-tr0")}};

}  // namespace

TEST_CASE("applying rules twice is applying them once", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  const std::string once = must_run("nft list ruleset");
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  CHECK(must_run("nft list ruleset") == once);
}

TEST_CASE("elements stay when the rules around them are renewed", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  for (const plan::Elements& elements : {kPorts, kMac, kNet, kLeave}) REQUIRE(add(socket, elements).done);
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  for (const plan::Elements& elements : {kPorts, kMac, kNet, kLeave})
    CHECK(kernel::missing_elements(socket, elements, nullptr).empty());
}

TEST_CASE("an upgrade replaces the rules of a chain", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {{"x", "table inet\nchain c\n  drop\n  accept\n"}}).done);
  REQUIRE(apply(socket, {{"x", "table inet\nchain c\n  return\n"}}).done);
  const std::string listed = must_run("nft list chain inet trestle c");
  CHECK(count(listed, "comment") == 1);
  CHECK(count(listed, "return") == 1);
}

TEST_CASE("adding elements twice is adding them once, intervals too", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  for (int time = 0; time < 2; ++time)
    for (const plan::Elements& elements : {kPorts, kMac, kNet, kLeave}) CHECK(add(socket, elements).done);
  CHECK(kernel::list_elements(socket, Table::bridge, "ports").size() == 2);
  CHECK(kernel::list_elements(socket, Table::inet, "net4-tr0") == kNet.elements);
}

TEST_CASE("a batch is done whole or not at all, and says what was in the way", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  const std::string before = must_run("nft list ruleset");
  kernel::NftBatch batch;
  batch.add_elements(kPorts);
  batch.delete_elements(kMac);
  batch.add_elements(kNet);
  const auto outcome = batch.send(socket);
  CHECK_FALSE(outcome.done);
  CHECK(outcome.missing());
  CHECK(outcome.what == "bridge elements mac");
  CHECK(batch.empty());
  CHECK(must_run("nft list ruleset") == before);
}

TEST_CASE("after a flush the next batch is told that something is missing", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  CHECK(add(socket, kPorts).missing());  // there never was a table
  REQUIRE(apply(socket, {tables()}).done);
  CHECK(add(socket, kPorts).done);
  must_run("nft flush ruleset");
  CHECK(add(socket, kPorts).missing());
  CHECK(apply(socket, {nat_switch("tr0")}).missing());  // the switch's rules need the tables' sets
  CHECK(apply(socket, {tables(), nat_switch("tr0")}).done);
  CHECK(add(socket, kPorts).done);
}

TEST_CASE("a rule that the kernel refuses is named", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  const auto outcome = apply(socket, {{"x", "table inet\nchain c\n  iifname @nowhere drop\n"}});
  CHECK_FALSE(outcome.done);
  CHECK(outcome.err == ENOENT);
  CHECK(outcome.what == "inet chain c: iifname @nowhere drop");
}

TEST_CASE("what was made is unmade, and unmaking it again is no error", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0", false)}).done);
  for (const plan::Elements& elements : {kPorts, kMac, kNet, kLeave}) REQUIRE(add(socket, elements).done);
  for (int time = 0; time < 2; ++time) {
    kernel::remove_elements(socket, {kPorts, kMac, kNet, kLeave});
    for (const plan::Elements& elements : {kPorts, kMac, kNet, kLeave})
      CHECK(kernel::missing_elements(socket, elements, nullptr).size() == elements.elements.size());
    kernel::remove_rules(socket, nat_switch("tr0", false));
    CHECK(must_run("nft list ruleset").find("tr0") == std::string::npos);
  }
  for (int time = 0; time < 2; ++time) {
    kernel::remove_rules(socket, tables());
    CHECK(must_run("nft list ruleset").empty());
  }
  kernel::remove_elements(socket, {kPorts});
  kernel::remove_rules(socket, nat_switch("tr0"));
}

TEST_CASE("one absent element or chain does not keep the others", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  REQUIRE(add(socket, kPorts).done);
  must_run("nft delete element bridge trestle ports '{ veth0 }'");
  must_run("nft delete chain inet trestle enter-tr0");
  kernel::remove_elements(socket, {kMac, kPorts, {Table::inet, "nowhere", {element({name("x")})}}});
  CHECK(kernel::list_elements(socket, Table::bridge, "ports").empty());
  kernel::remove_rules(socket, nat_switch("tr0"));
  CHECK(must_run("nft list ruleset").find("tr0") == std::string::npos);
}

TEST_CASE("a chain in use is not removed, and the error says which", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  REQUIRE(add(socket, kLeave).done);
  CHECK_THROWS_WITH(kernel::remove_rules(socket, nat_switch("tr0")),
                    Catch::StartsWith("nftables inet chain leave-tr0: "));
  CHECK(kernel::missing_rules(socket, nat_switch("tr0"), nullptr).empty());
}

TEST_CASE("a map's element with another value is refused, not replaced in silence", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0"), nat_switch("tr1")}).done);
  REQUIRE(add(socket, kLeave).done);
  const int err = add(socket, {Table::inet, "leave", {element({name("tr0")}, "leave-tr1")}}).err;
  CHECK((err == EEXIST || err == EBUSY));  // newer and older kernels
  CHECK(kernel::missing_elements(socket, kLeave, nullptr).empty());
}

TEST_CASE("many attach and detach at once, and no one is refused", "[nft][batch]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done);
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      kernel::Socket own = netfilter();
      for (int i = 0; i < 50; ++i) {
        const plan::Elements port{Table::bridge, "ports", {element({name("v" + std::to_string(thread * 100 + i))})}};
        refused += add(own, port).done ? 0 : 1;
        if (i % 2 == 0) kernel::remove_elements(own, {port});
        if (i % 10 == 0) refused += apply(own, {nat_switch("tr0")}).done ? 0 : 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(kernel::list_elements(socket, Table::bridge, "ports").size() == 4 * 25);
  CHECK(kernel::missing_rules(socket, nat_switch("tr0"), nullptr).empty());
}
