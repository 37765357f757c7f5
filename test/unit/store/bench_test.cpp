// Figures, not promises that a loaded machine can keep: run with `unit_store [.bench]`.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "fixture.h"
#include "plan/plan.h"
#include "store/clock.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

template <class F>
double median_ms(int rounds, F&& body) {
  std::vector<double> times;
  for (int n = 0; n < rounds; ++n) {
    const std::uint64_t start = boottime();
    body(n);
    times.push_back(static_cast<double>(boottime() - start) / 1e6);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds) / 2];
}

const Deadline soon() { return Deadline::in(std::chrono::seconds(10)); }

// The store's part of an ADD to a switch that is there, as the app asks for it.
void whole_add(const std::string& dir, int n, const Part& part, const ipam::RangeSet& v4, const ipam::RangeSet& v6) {
  const auto store = open_store(dir, kHere);
  const PartRef ref{part.bridge, part.digest};
  const Lock shared = store->locks().switch_shared(part.bridge, soon());
  const Lock own = store->locks().attachment(pod(n), soon());
  (void)store->departed_since_start(pod(n));
  (void)store->find(pod(n));
  (void)store->facts(part.bridge);
  (void)store->part_ready(ref);
  store->put_part(part, pod(n));
  add(*store, pod(n), {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt, "trdemo", {ref}});
}

void whole_del(const std::string& dir, int n, const PartRef& ref) {
  const auto store = open_store(dir, kHere);
  Lock shared = store->locks().switch_shared(ref.bridge, soon());
  const Lock own = store->locks().attachment(pod(n), soon());
  (void)store->find(pod(n));
  store->remove(pod(n), true);
  (void)store->part_unused(ref, false);
}

}  // namespace

TEST_CASE("bench: the store's part of ADD and DEL on a switch that is there", "[.bench]") {
  const TempDir dir;
  const auto v4 = pool("10.88.0.0/16");
  const auto v6 = pool("fd88::/64");
  const std::vector<plan::Step> steps = {plan::Up{{plan::Where::host, bridge()}}};
  const Part part{bridge(), plan::digest(steps), "demo", steps, false};
  for (const int there : {1, 1000}) {
    for (int n = 0; n < there; ++n)
      if (!open_store(dir.path(), kHere)->exists(pod(100000 + n))) whole_add(dir.path(), 100000 + n, part, v4, v6);
    const auto store = open_store(dir.path(), kHere);
    store->set_facts(bridge(), {});
    store->set_ready({bridge(), part.digest}, true);
    const double add_ms = median_ms(300, [&](int n) { whole_add(dir.path(), n, part, v4, v6); });
    const double del_ms = median_ms(300, [&](int n) { whole_del(dir.path(), n, {bridge(), part.digest}); });
    const double few_ms = median_ms(300, [&](int) { (void)store->next_few(2); });
    std::printf("%4d attachments: ADD %.3f ms, DEL %.3f ms, a look at 2 others %.3f ms\n", there, add_ms, del_ms,
                few_ms);
    CHECK(add_ms < 0.3);
    CHECK(del_ms < 0.3);
  }
}

TEST_CASE("bench: a /16 with 65,000 leases, and a full /24", "[.bench]") {
  const TempDir dir;
  const auto wide = pool("10.88.0.0/16");
  const auto small = pool("10.99.0.0/24");
  const auto store = open_store(dir.path(), kHere);
  for (int n = 0; n < 65000; ++n) add_ip(*store, n, wide);
  for (int n = 0; n < 253; ++n) add_ip(*store, 100000 + n, small);
  const double commit_ms = median_ms(100, [&](int n) { add_ip(*store, 200000 + n, wide); });
  const double refuse_ms = median_ms(1000, [&](int) { (void)error_of([&] { add_ip(*store, 300000, small); }); });
  const double use_ms = median_ms(100, [&](int) { (void)store->use("trdemo", wide); });
  const double reuse_ms = median_ms(100, [&](int n) {
    store->remove(pod(n * 600), false);
    add_ip(*store, n * 600, wide);
  });
  std::printf(
      "65,000 leases: commit %.3f ms, remove and commit %.3f ms, fill level %.3f ms; full /24 refused in %.3f ms\n",
      commit_ms, reuse_ms, use_ms, refuse_ms);
  CHECK(commit_ms < 1.0);
  CHECK(refuse_ms < 1.0);
}
