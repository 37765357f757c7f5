#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <csignal>

#include "base/error.h"
#include "fixture.h"
#include "store/clock.h"
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

// A network's first pod failed with code 11 on a switch where another network's pods came and went without a pause.
TEST_CASE("whoever wants a switch alone gets it, though others come without a pause", "[store][locks]") {
  TwoCalls t;
  const bool all = GENERATE(false, true);
  std::vector<pid_t> busy;
  for (int n = 0; n < 6; ++n)
    busy.push_back(start_child([&] {
      Locks own(base::try_open(t.path, O_RDWR));
      for (;;) {
        const Lock lock = own.switch_shared(t.br, Deadline::in(std::chrono::seconds(20)));
        ::usleep(20'000);
      }
    }));
  ::usleep(50'000);
  const Deadline limit = Deadline::in(std::chrono::seconds(1));
  CHECK_NOTHROW(all ? t.mine.all_switches_exclusive(limit) : t.mine.switch_exclusive(t.br, limit));
  for (const pid_t child : busy) {
    ::kill(child, SIGKILL);
    (void)child_succeeded(child);
  }
}

TEST_CASE("a call that hangs on a switch keeps others out no longer than who waits for it closes the gate",
          "[store][locks]") {
  TwoCalls t;
  const Lock hangs = t.mine.switch_shared(t.br, now());
  const pid_t waits = start_child([&] {
    Locks own(base::try_open(t.path, O_RDWR));
    (void)own.switch_exclusive(t.br, Deadline::in(std::chrono::seconds(30)));
  });
  ::usleep(50'000);
  CHECK_NOTHROW(t.other.switch_shared(t.br2, now()));
  CHECK_NOTHROW(t.other.switch_shared(t.br, Deadline::in(std::chrono::seconds(4))));
  ::kill(waits, SIGKILL);
  (void)child_succeeded(waits);
}

TEST_CASE("a call inside of one switch does not wait at the gate of the next: whoever closed it waits for that call",
          "[store][locks]") {
  TwoCalls t;
  const Lock one = t.mine.switch_shared(t.br, now());
  const pid_t waits = start_child([&] {
    Locks own(base::try_open(t.path, O_RDWR));
    (void)own.all_switches_exclusive(Deadline::in(std::chrono::seconds(30)));
  });
  ::usleep(50'000);
  const std::uint64_t start = boottime();
  CHECK_NOTHROW(t.mine.switch_shared(t.br2, Deadline::in(std::chrono::seconds(10))));
  CHECK(boottime() - start < 100'000'000U);
  ::kill(waits, SIGKILL);
  (void)child_succeeded(waits);
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
