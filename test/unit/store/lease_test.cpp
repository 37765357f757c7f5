#include <catch2/catch.hpp>
#include <filesystem>

#include <set>

#include "base/error.h"
#include "fixture.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

TEST_CASE("addresses come round robin, and a released one not at once", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  CHECK(add_ip(*store, 1, set) == "10.88.0.2");
  CHECK(add_ip(*store, 2, set) == "10.88.0.3");
  store->remove(pod(2), false);
  CHECK(add_ip(*store, 3, set) == "10.88.0.4");
}

TEST_CASE("an attachment can have both families", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto v4 = pool("10.88.0.0/16");
  const auto v6 = pool("fd88::/64");
  const Record r = add(*store, pod(1), {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt});
  REQUIRE(r.leases.size() == 2);
  CHECK(r.leases[0].ip.str() == "10.88.0.2");
  CHECK(r.leases[1].ip.str() == "fd88::2");
  CHECK(r.result["ips"][1]["address"] == "fd88::2/64");
  CHECK(store->find(pod(1))->leases == r.leases);
}

TEST_CASE("the gateway and prefix length go with the address", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  const auto ips = store->peek({"trdemo", {{&set, std::nullopt}}, std::nullopt}).ips;
  REQUIRE(ips.size() == 1);
  CHECK(ips[0].cidr.str() == "10.88.0.2/24");
  CHECK(ips[0].gateway == net::Ip::parse("10.88.0.1"));
}

TEST_CASE("looking at the next address writes nothing", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  add_ip(*store, 1, set);
  const auto before = files_below(dir.path());
  const auto peek = [&] {
    return store->peek({"trdemo", {{&set, std::nullopt}}, std::nullopt}).ips.at(0).cidr.ip.str();
  };
  CHECK(peek() == "10.88.0.3");
  CHECK(peek() == "10.88.0.3");
  CHECK(files_below(dir.path()) == before);
  CHECK(add_ip(*store, 2, set) == "10.88.0.3");
}

TEST_CASE("a requested address is given, and refused with its holder's name", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  CHECK(add_ip(*store, 1, set, "10.88.0.77") == "10.88.0.77");
  CHECK(error_of([&] { add_ip(*store, 2, set, "10.88.0.77"); }) == "103: address 10.88.0.77 is held by demo/pod1/eth0");
  CHECK_FALSE(store->exists(pod(2)));
  store->remove(pod(1), false);
  CHECK(add_ip(*store, 2, set, "10.88.0.77") == "10.88.0.77");
}

TEST_CASE("a full pool is refused with numbers, and nothing is left of the try", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto v6 = pool("fd88::/64");
  const auto set = pool("10.88.0.0/29");
  for (int n = 1; n <= 5; ++n) add_ip(*store, n, set);
  const auto before = files_below(dir.path());
  const std::string e = error_of([&] {
    add(*store, pod(9), {{{&v6, std::nullopt}, {&set, std::nullopt}}, std::nullopt});
  });
  CHECK(e.find("102: no free address in 10.88.0.2-10.88.0.6 on trdemo: all 5 of 5 are in use") == 0);
  CHECK(files_below(dir.path()) == before);
  CHECK(store->use("trdemo", set).used == 5);
  CHECK(store->use("trdemo", v6).used == 0);
}

TEST_CASE("fill levels count what is leased and what rests", "[store][lease]") {
  const FakeClock clock;
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/16");
  const auto other = pool("10.99.0.0/24");
  for (int n = 1; n <= 20; ++n) add_ip(*store, n, set);
  add_ip(*store, 21, other);
  for (int n = 1; n <= 3; ++n) store->remove(pod(n), true);
  for (int n = 4; n <= 5; ++n) store->remove(pod(n), false);
  const PoolUse use = store->use("trdemo", set);
  CHECK(use.capacity == 65533);
  CHECK(use.used == 15);
  CHECK(use.resting == 3);
  CHECK(store->use("trdemo", pool("fd88::/64")).used == 0);
  CHECK(store->use("nowhere", set).used == 0);
}

TEST_CASE("segments are apart: the same address on two switches", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  Ask ask{{{&set, std::nullopt}}, "02:00:00:00:00:01"};
  add(*store, pod(1), ask);
  ask.segment = "trother";
  CHECK(add(*store, pod(2), ask).leases.at(0) == LeaseRef{"trother", net::Ip::parse("10.88.0.2")});
}

TEST_CASE("a huge pool costs a few small files", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto v4 = pool("10.0.0.0/8");
  const auto v6 = pool("fd88::/48");
  for (int n = 0; n < 20; ++n) add(*store, pod(n), {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt});
  CHECK(files_below(dir.path() + "/segments").size() == 5);  // state, cursor, "derived" and two blocks
  CHECK(store->use("trdemo", v6).used == 20);
}

TEST_CASE("a MAC that another attachment of the segment has is refused with its name", "[store][lease][mac]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  const Ask ask{{{&set, std::nullopt}}, "02:11:22:33:44:55"};
  add(*store, pod(1), ask);
  CHECK(error_of([&] { add(*store, pod(2), ask); }) == "103: MAC 02:11:22:33:44:55 is held by demo/pod1/eth0");
  CHECK(add_ip(*store, 3, set) == "10.88.0.3");
  store->remove(pod(1), false);
  CHECK_NOTHROW(add(*store, pod(2), ask));
}

TEST_CASE("a MAC that another attachment got by derivation is refused too", "[store][lease][mac]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  const Record first = add(*store, pod(1), {{{&set, std::nullopt}}, std::nullopt});
  const Ask same{{{&set, std::nullopt}}, first.nics.at(0).mac.str()};
  CHECK(error_of([&] { add(*store, pod(2), same); }).find("103: MAC") == 0);
}

TEST_CASE("an address whose derived MAC somebody asked for is passed over, and stays free", "[store][lease][mac]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  const net::Mac taken = net::pod_mac(bridge(), net::Ip::parse("10.88.0.3"));
  add(*store, pod(1), {{{&set, std::nullopt}}, taken.str()});
  CHECK(add_ip(*store, 2, set) == "10.88.0.4");
  CHECK(store->use("trdemo", set).used == 2);
}

TEST_CASE("a marker without its record is nobody's", "[store][lease][mac]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  const Ask ask{{{&set, std::nullopt}}, "02:11:22:33:44:55"};
  add(*store, pod(1), ask);
  for (const std::string& file : files_below(dir.path() + "/records"))
    REQUIRE(::remove((dir.path() + "/records/" + file).c_str()) == 0);
  CHECK_NOTHROW(add(*store, pod(2), ask));
  CHECK(error_of([&] { add(*store, pod(3), ask); }).find("held by demo/pod2/eth0") != std::string::npos);
}

TEST_CASE("an attachment without addresses has its MAC to itself as well", "[store][lease][mac]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  add(*store, pod(1), {{}, "02:11:22:33:44:55"});
  CHECK(error_of([&] { add(*store, pod(2), {{}, "02:11:22:33:44:55"}); }).find("103:") == 0);
  store->remove(pod(1), true);
  CHECK_NOTHROW(add(*store, pod(2), {{}, "02:11:22:33:44:55"}));
}

TEST_CASE("a second commit for one attachment leaves the first untouched", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  add_ip(*store, 1, set);
  CHECK(error_of([&] { add_ip(*store, 1, set); }).find("104:") == 0);
  CHECK(all_leases(*store) == std::vector<std::string>{"trdemo 10.88.0.2"});
}

TEST_CASE("a range that moves keeps old leases and never gives them twice", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto wide = pool("10.88.0.0/24");
  const auto narrow = pool("10.88.0.0/29");
  for (int n = 1; n <= 3; ++n) add_ip(*store, n, wide);
  CHECK(add_ip(*store, 4, narrow) == "10.88.0.5");
  CHECK(add_ip(*store, 5, narrow) == "10.88.0.6");
  CHECK(error_of([&] { add_ip(*store, 6, narrow); }).find("102:") == 0);
}

TEST_CASE("a failure while the record is completed leaves nothing", "[store][lease]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto set = pool("10.88.0.0/24");
  CHECK(error_of([&] {
          store->commit(pod(1), {"trdemo", {{&set, std::nullopt}}, std::nullopt},
                        [](const auto&) -> Record { throw base::Error(base::Code::bad_config, "no"); });
        }) == "7: no");
  CHECK(store->count() == 0);
  CHECK(add_ip(*store, 2, set) == "10.88.0.2");
}

TEST_CASE("many calls at once never get one address twice", "[store][lease][parallel]") {
  const TempDir dir;
  (void)open_store(dir.path(), kHere);
  constexpr int kCalls = 8, kEach = 50;
  const auto v4 = pool("10.88.0.0/22");
  const auto v6 = pool("fd88::/64");
  std::vector<pid_t> children;
  for (int c = 0; c < kCalls; ++c)
    children.push_back(start_child([&, c] {
      for (int n = 0; n < kEach; ++n) {
        const auto store = open_store(dir.path(), kHere);
        add(*store, pod(c * kEach + n), {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt});
        if (n % 5 == 4) store->remove(pod(c * kEach + n), n % 2 == 0);
      }
    }));
  for (const pid_t child : children) CHECK(child_succeeded(child));
  const auto store = open_store(dir.path(), kHere);
  const auto leases = all_leases(*store);
  CHECK(leases.size() == kCalls * kEach * 4 / 5 * 2);
  CHECK(std::set<std::string>(leases.begin(), leases.end()).size() == leases.size());
  CHECK(store->use("trdemo", v4).used == leases.size() / 2);
}

TEST_CASE("the store knows when all addresses of an attachment have always gone together", "[store][lease]") {
  const TempDir dir;
  const auto v4 = pool("10.88.0.0/24"), v6 = pool("fd88::/120");
  const Reservation both{"trdemo", {{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt};
  const auto store = open_store(dir.path(), kHere);
  const auto seen = [&] {
    const auto got = open_store(dir.path(), kHere)->peek(both);
    return std::pair(got.news, got.further_news);
  };
  const auto take = [&](int n, const Ask& ask) { add(*store, pod(n), ask); };
  CHECK(seen() == std::pair(false, false));
  take(1, {{{&v4, std::nullopt}, {&v6, std::nullopt}}, std::nullopt});
  CHECK(seen() == std::pair(false, false));
  SECTION("one that asks for another place ends it for good, for the addresses behind the first") {
    take(2, {{{&v4, std::nullopt}, {&v6, net::Ip::parse("fd88::77")}}, std::nullopt});
    CHECK(seen() == std::pair(false, true));
    store->remove(pod(2), false);
    CHECK(seen() == std::pair(false, true));
  }
  SECTION("so does one that has one family only") {
    take(2, {{{&v4, std::nullopt}}, std::nullopt});
    CHECK(seen() == std::pair(false, true));
  }
  SECTION("a requested MAC ends both") {
    take(2, {{{&v4, std::nullopt}, {&v6, std::nullopt}}, "02:00:00:00:00:77"});
    CHECK(seen() == std::pair(true, true));
  }
  SECTION("a cleaning keeps what is known") {
    store->sweep();
    CHECK(seen() == std::pair(false, false));
  }
}

TEST_CASE("the store knows when no neighbour can know an address by another MAC", "[store][lease]") {
  const TempDir dir;
  const auto set = pool("10.88.0.0/24");
  const Reservation derived{"trdemo", {{&set, std::nullopt}}, std::nullopt};
  const auto news = [&](const Reservation& reservation) {
    return open_store(dir.path(), kHere)->peek(reservation).news;
  };
  const auto store = open_store(dir.path(), kHere);
  CHECK_FALSE(news(derived));
  add_ip(*store, 1, set);
  CHECK_FALSE(news(derived));
  SECTION("a requested MAC is news, and so is all that comes later, though its pod is gone") {
    add(*store, pod(2), {{{&set, std::nullopt}}, "02:00:00:00:00:77"});
    CHECK(news(derived));
    store->remove(pod(2), true);
    CHECK(news(derived));
  }
  SECTION("without addresses of ours (an IPAM that is delegated) likewise") {
    add(*store, pod(2), {{}, std::nullopt});
    CHECK(news(derived));
  }
  SECTION("another segment has nothing to do with it") {
    add(*store, pod(2), {{{&set, std::nullopt}}, "02:00:00:00:00:77", "other"});
    CHECK_FALSE(news(derived));
  }
  SECTION("a cleaning keeps what is known; an index that was lost knows nothing") {
    store->sweep();
    CHECK_FALSE(news(derived));
    std::filesystem::remove_all(dir.path() + "/segments");
    CHECK(news(derived));
    add_ip(*store, 3, set);
    CHECK(news(derived));
  }
  SECTION("the request itself is news") {
    CHECK(news({"trdemo", {{&set, std::nullopt}}, net::Mac::parse("02:00:00:00:00:77")}));
  }
}
