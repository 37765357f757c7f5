#include <catch2/catch.hpp>

#include <unistd.h>
#include <csignal>
#include <random>
#include <set>

#include "fixture.h"
#include "store/clock.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

TEST_CASE("calls killed at random lose no address and give none twice", "[store][kill]") {
  const TempDir dir;
  (void)open_store(dir.path(), kHere);
  const auto v4 = pool("10.88.0.0/24");
  const auto v6 = pool("fd88::/64");
  const Part part{bridge(), "0123456789abcdef", "demo", {}, false};
  constexpr int kRounds = 300;
  std::mt19937 random(20240229);  // NOLINT: the same kills each time, as far as the scheduler allows
  for (int round = 0; round < kRounds; ++round) {
    const pid_t child = start_child([&] {
      const auto store = open_store(dir.path(), kHere);
      for (int n = 0;; ++n) {
        const net::Owner owner = pod(round % 2 * 100 + n % 10);
        store->remove(owner, n % 3 != 0);
        store->put_part(part, owner);
        add(*store, owner,
            {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt, "trdemo", {{bridge(), part.digest}}});
        if (n % 4 == 0) store->remove(owner, n % 8 == 0);
      }
    });
    ::usleep(static_cast<useconds_t>(random() % 3000));
    ::kill(child, SIGKILL);
    CHECK_FALSE(child_succeeded(child));
    const auto store = open_store(dir.path(), kHere);
    const auto leases = all_leases(*store);
    REQUIRE(std::set<std::string>(leases.begin(), leases.end()).size() == leases.size());
    for (const RecordFile& file : store->list()) REQUIRE(file.record);
  }
  const auto store = open_store(dir.path(), kHere);
  for (const RecordFile& file : store->list()) store->remove(file.record->owner, false);
  CHECK(store->part_unused({bridge(), part.digest}, true));
  store->sweep();
  CHECK(store->use("trdemo", v4).used == 0);
  std::set<std::string> given;
  for (int n = 0; n < 253; ++n) given.insert(add_ip(*store, 5000 + n, v4));
  CHECK(given.size() == 253);
}
