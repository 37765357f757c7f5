#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <csignal>

#include "base/error.h"
#include "fixture.h"
#include "store/locks.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

namespace {

// Two opens of one file are two holders, as two processes are.
struct TwoCalls {
  TempDir dir;
  std::string path = dir.path() + "/lock";
  Locks mine{base::try_open(path, O_RDWR | O_CREAT, 0600)};
  Locks other{base::try_open(path, O_RDWR)};
  net::IfName br = bridge(), br2 = bridge("trother");
};

const Deadline now() { return Deadline::in(std::chrono::milliseconds(0)); }

}  // namespace

TEST_CASE("attachments come and go side by side on a switch; taking it down waits for all", "[store][locks]") {
  TwoCalls t;
  const Lock a = t.mine.switch_shared(t.br, now());
  Lock b = t.other.switch_shared(t.br, now());
  CHECK_FALSE(t.mine.try_switch_exclusive(t.br));
  CHECK(t.mine.try_switch_exclusive(t.br2));
  b.release();
  CHECK(t.mine.try_switch_exclusive(t.br));
}

TEST_CASE("a lock that stays busy ends with code 11 and says what is busy", "[store][locks]") {
  TwoCalls t;
  const net::Owner owner = pod(1);
  const Lock held = t.mine.attachment(owner, now());
  const std::string e = error_of([&] { (void)t.other.attachment(owner, Deadline::in(std::chrono::milliseconds(20))); });
  CHECK(e.find("11: attachment demo/pod1/eth0 is busy") == 0);
  CHECK_FALSE(t.other.try_attachment(owner));
  CHECK(t.other.try_attachment(pod(2)));
}

TEST_CASE("a lock that gets free in time is taken", "[store][locks]") {
  TwoCalls t;
  auto held = std::make_unique<Lock>(t.mine.store(now()));
  const pid_t child = start_child([&] {
    Locks own(base::try_open(t.path, O_RDWR));
    (void)own.store(Deadline::in(std::chrono::seconds(5)));
  });
  ::usleep(5000);
  held.reset();
  CHECK(child_succeeded(child));
}

TEST_CASE("regions do not touch each other", "[store][locks]") {
  TwoCalls t;
  const Lock all = t.mine.all_switches_exclusive(now());
  CHECK_FALSE(t.other.try_switch_shared(t.br));
  CHECK_NOTHROW(t.other.tables(now()));
  CHECK_NOTHROW(t.other.store(now()));
  CHECK(t.other.try_attachment(pod(1)));
}

TEST_CASE("one attachment locked twice by a call stays locked until both are gone", "[store][locks]") {
  TwoCalls t;
  auto first = t.mine.try_attachment(pod(1));
  auto second = t.mine.try_attachment(net::owner_hash(pod(1)));
  REQUIRE(first);
  REQUIRE(second);
  first->release();
  CHECK_FALSE(t.other.try_attachment(pod(1)));
  second->release();
  CHECK(t.other.try_attachment(pod(1)));
}

TEST_CASE("an exclusive lock over an own shared one leaves the shared one behind", "[store][locks]") {
  TwoCalls t;
  const Lock shared = t.mine.switch_shared(t.br, now());
  {
    const auto exclusive = t.mine.try_switch_exclusive(t.br);
    REQUIRE(exclusive);
    CHECK_FALSE(t.other.try_switch_shared(t.br));
  }
  CHECK(t.other.try_switch_shared(t.br));
  CHECK_FALSE(t.other.try_switch_exclusive(t.br));
}

TEST_CASE("a switch's lock within the lock of all leaves each when it goes", "[store][locks]") {
  TwoCalls t;
  Lock all = t.mine.all_switches_exclusive(now());
  Lock one = t.mine.switch_shared(t.br, now());
  SECTION("the narrow one first") {
    one.release();
    CHECK_FALSE(t.other.try_switch_shared(t.br));
    all.release();
    CHECK(t.other.try_all_switches_exclusive());
  }
  SECTION("the wide one first") {
    all.release();
    CHECK(t.other.try_switch_exclusive(t.br2));
    CHECK(t.other.try_switch_shared(t.br));
    CHECK_FALSE(t.other.try_switch_exclusive(t.br));
    one.release();
    CHECK(t.other.try_all_switches_exclusive());
  }
}

TEST_CASE("a downgraded lock lets others in to read", "[store][locks]") {
  TwoCalls t;
  Lock lock = t.mine.switch_exclusive(t.br, now());
  CHECK_FALSE(t.other.try_switch_shared(t.br));
  lock.downgrade();
  CHECK(t.other.try_switch_shared(t.br));
  CHECK_FALSE(t.other.try_switch_exclusive(t.br));
}

TEST_CASE("the locks of a killed call are free", "[store][locks]") {
  TwoCalls t;
  const pid_t child = start_child([&] {
    Locks own(base::try_open(t.path, O_RDWR));
    const Lock lock = own.store(Deadline::in(std::chrono::seconds(5)));
    ::raise(SIGKILL);
  });
  CHECK_FALSE(child_succeeded(child));
  CHECK_NOTHROW(t.other.store(now()));
}

TEST_CASE("on a read-only file system locks can be taken", "[store][locks]") {
  TwoCalls t;
  Locks reading(base::try_open(t.path, O_RDONLY));
  CHECK_NOTHROW(reading.store(now()));
  CHECK(reading.try_attachment(pod(1)));
}

TEST_CASE("a moved lock is one lock", "[store][locks]") {
  TwoCalls t;
  Lock a = t.mine.store(now());
  Lock b = std::move(a);
  CHECK_FALSE(a.held());
  b = Lock();
  CHECK_FALSE(b.held());
  CHECK_NOTHROW(t.other.store(now()));
}
