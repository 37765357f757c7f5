#include <catch2/catch.hpp>

#include "fixture.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

struct SmallPool {
  FakeClock clock;
  TempDir dir;
  std::unique_ptr<Store> store = open_store(dir.path(), kHere);
  ipam::RangeSet set = pool("10.88.0.0/29");  // .2 to .6
  Ask plain{{{&set, std::nullopt}}, std::nullopt};
  Ask with_mac(const std::string& mac) const { return {{{&set, std::nullopt}}, mac}; }
};

}  // namespace

TEST_CASE("a released address rests 30 s", "[store][rest]") {
  SmallPool p;
  for (int n = 1; n <= 4; ++n) add_ip(*p.store, n, p.set);
  p.store->remove(pod(1), true);  // .2
  CHECK(add_ip(*p.store, 5, p.set) == "10.88.0.6");
  p.store->remove(pod(3), false);  // .4, never used
  CHECK(add_ip(*p.store, 6, p.set) == "10.88.0.4");
  p.clock.advance_seconds(29);
  CHECK(p.store->use("trdemo", p.set).resting == 1);
  p.clock.advance_seconds(2);
  CHECK(p.store->use("trdemo", p.set).resting == 0);
  CHECK(p.store->use("trdemo", p.set).used == 4);
  CHECK(add_ip(*p.store, 7, p.set) == "10.88.0.2");
}

TEST_CASE("a pool that is otherwise empty gives the one that rests longest", "[store][rest]") {
  SmallPool p;
  for (int n = 1; n <= 5; ++n) add_ip(*p.store, n, p.set);
  p.store->remove(pod(3), true);
  p.clock.advance_seconds(1);
  p.store->remove(pod(2), true);
  CHECK(add_ip(*p.store, 6, p.set) == "10.88.0.4");
  CHECK(add_ip(*p.store, 7, p.set) == "10.88.0.3");
  CHECK(error_of([&] { add_ip(*p.store, 8, p.set); }).find("102:") == 0);
}

TEST_CASE("a MAC gets back the address it had lately", "[store][rest]") {
  SmallPool p;
  const std::string mac = "02:aa:00:00:00:01";
  add(*p.store, pod(1), p.with_mac(mac));
  add(*p.store, pod(2), p.with_mac("02:aa:00:00:00:02"));
  p.store->remove(pod(2), true);
  p.store->remove(pod(1), true);
  CHECK(add(*p.store, pod(3), p.with_mac("02:aa:00:00:00:02")).leases.at(0).ip.str() == "10.88.0.3");
  CHECK(add(*p.store, pod(4), p.with_mac(mac)).leases.at(0).ip.str() == "10.88.0.2");
  CHECK(p.store->use("trdemo", p.set).resting == 0);
}

TEST_CASE("asking for a resting address by name ends its rest", "[store][rest]") {
  SmallPool p;
  add_ip(*p.store, 1, p.set);
  p.store->remove(pod(1), true);
  CHECK(add_ip(*p.store, 2, p.set, "10.88.0.2") == "10.88.0.2");
  CHECK(p.store->use("trdemo", p.set).used == 1);
  CHECK(p.store->use("trdemo", p.set).resting == 0);
  p.clock.advance_seconds(31);
  for (int n = 3; n <= 6; ++n) CHECK(add_ip(*p.store, n, p.set) != "10.88.0.2");
}

TEST_CASE("an address released, given out and released again rests anew", "[store][rest]") {
  SmallPool p;
  for (int round = 0; round < 200; ++round) {
    const std::string ip = add_ip(*p.store, 1, p.set);
    CHECK(ip == "10.88.0." + std::to_string(2 + round % 5));
    p.store->remove(pod(1), true);
    p.clock.advance_seconds(7);
  }
  p.clock.advance_seconds(31);
  CHECK(p.store->use("trdemo", p.set).resting == 0);
  CHECK(p.store->use("trdemo", p.set).used == 0);
}

TEST_CASE("what rests goes on resting when the index is rebuilt", "[store][rest]") {
  SmallPool p;
  for (int n = 1; n <= 3; ++n) add_ip(*p.store, n, p.set);
  p.store->remove(pod(1), true);
  for (const std::string& file : files_below(p.dir.path()))
    if (file.ends_with("/state")) write_text(p.dir.path() + "/" + file, "");
  CHECK(p.store->use("trdemo", p.set).used == 2);
  CHECK(p.store->use("trdemo", p.set).resting == 1);
  CHECK(add_ip(*p.store, 4, p.set) == "10.88.0.5");
  CHECK(p.store->use("trdemo", p.set).resting == 1);
}

TEST_CASE("tidying up leaves what rests, and drops a segment that is quite empty", "[store][rest]") {
  SmallPool p;
  add_ip(*p.store, 1, p.set);
  p.store->remove(pod(1), true);
  p.store->sweep();
  CHECK(p.store->use("trdemo", p.set).resting == 1);
  p.clock.advance_seconds(31);
  p.store->sweep();
  CHECK(files_below(p.dir.path() + "/segments").empty());
  CHECK(add_ip(*p.store, 2, p.set) == "10.88.0.2");
}
