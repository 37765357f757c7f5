// What an attachment costs must not grow with the number of attachments.
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>

#include "net/mac.h"
#include "nft_texts.h"
#include "support/scratch.h"

using namespace trestle;
using namespace trestle::test;
using plan::Table;

namespace {

double milliseconds(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

// The guard of one pod with an address of each family: sets by their declared types, whatever the mode calls them.
std::vector<plan::Elements> pod(unsigned n) {
  const plan::Field link = name("veth" + std::to_string(n));
  const net::Mac mac = net::Mac::from_hash(2, n);
  return {{Table::bridge, "ports", {element({link})}},
          {Table::bridge, "at", {element({link})}},
          {Table::bridge, "mac", {element({link, mac})}},
          {Table::bridge, "addr4", {element({link, net::Ip{net::Family::v4, 0x0a000000U + n}})}},
          {Table::bridge,
           "addr6",
           {element({link, net::Ip{net::Family::v6, (net::U128{0xfd88} << 112) + n}}),
            element({link, net::Ip{net::Family::v6, (net::U128{0xfe80} << 112) + n}})}},
          {Table::inet, "at", {element({link})}}};
}

const plan::Rules kSets{
    "x",
    "table inet\nset at ifname\ntable bridge\nset at ifname\nset ports ifname\nset mac ifname . ether_addr\n"
    "set addr4 ifname . ipv4_addr\nset addr6 ifname . ipv6_addr\n"};

}  // namespace

TEST_CASE("1,000 pods go in one transaction, and one more costs the same as the first", "[nft][cost]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  REQUIRE(apply(socket, {kSets}).done);
  const auto add_one = [&](unsigned n) {
    kernel::NftBatch batch;
    for (const plan::Elements& elements : pod(n)) batch.add_elements(elements);
    REQUIRE(batch.send(socket).done);
  };
  const auto median = [&](unsigned first) {
    std::vector<double> times;
    for (unsigned i = 0; i < 51; ++i) times.push_back(milliseconds([&] { add_one(first + i); }));
    std::ranges::sort(times);
    return times[times.size() / 2];
  };
  const double small = median(1'000'000);
  kernel::NftBatch build;
  double built = 1e9;
  for (int i = 0; i < 20; ++i) {
    kernel::NftBatch batch;
    built = std::min(built, milliseconds([&] {
                       for (const plan::Elements& elements : pod(7)) batch.add_elements(elements);
                     }));
  }
  const double thousand = milliseconds([&] {
    std::map<std::string, plan::Elements> together;
    for (unsigned n = 0; n < 10'000; ++n)
      for (plan::Elements& some : pod(n)) {
        plan::Elements& all = together[(some.table == Table::inet ? "i" : "b") + some.set];
        all.table = some.table;
        all.set = some.set;
        all.elements.insert(all.elements.end(), some.elements.begin(), some.elements.end());
      }
    kernel::NftBatch batch;
    for (const auto& [key, elements] : together) batch.add_elements(elements);
    const auto outcome = batch.send(socket);
    CAPTURE(outcome.what, outcome.err);
    REQUIRE(outcome.done);
  });
  const double large = median(2'000'000);
  std::printf(
      "nft: an ADD's elements: built in %.3f ms; in the kernel %.3f ms in empty sets, %.3f ms among 10,000 pods; "
      "10,000 pods at once %.0f ms\n",
      built, small, large, thousand);
  CHECK(large < 5 * small + 0.5);
  const double removal = milliseconds([&] { kernel::remove_elements(socket, pod(5)); });
  const double again = milliseconds([&] { kernel::remove_elements(socket, pod(5)); });
  std::printf("nft: a DEL's elements: %.3f ms; when they are gone already %.3f ms\n", removal, again);
  CHECK(kernel::list_elements(socket, Table::bridge, "ports").size() == 10'000 - 1 + 102);
}

TEST_CASE("rules of a switch are made in a moment", "[nft][cost]") {
  const ScratchHost host;
  kernel::Socket socket = netfilter();
  const double first = milliseconds([&] { REQUIRE(apply(socket, {tables(), nat_switch("tr0")}).done); });
  const double second = milliseconds([&] { REQUIRE(apply(socket, {nat_switch("tr1")}).done); });
  const double check =
      milliseconds([&] { REQUIRE(kernel::missing_rules(socket, nat_switch("tr1"), nullptr).empty()); });
  std::printf("nft: tables and a switch %.2f ms, one more switch %.2f ms, its check %.2f ms\n", first, second, check);
}
