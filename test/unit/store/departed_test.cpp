#include <catch2/catch.hpp>

#include <unistd.h>

#include "fixture.h"
#include "store/clock.h"

using namespace trestle;
using namespace trestle::store;
using namespace trestle::store::test;

TEST_CASE("which of two processes began first is told by either measure", "[store][departed]") {
  CHECK(began_before({100, 5}, {200, 5}));
  CHECK(began_before({300, 4}, {200, 5}));  // stopped before its first look at the clock
  CHECK_FALSE(began_before({200, 5}, {100, 5}));
  CHECK_FALSE(began_before({200, 5}, {200, 5}));
  CHECK_FALSE(began_before({300, 0}, {200, 5}));  // ticks not known
  CHECK_FALSE(began_before({300, 5}, {200, 0}));
  CHECK(process_start().ticks > 0);
  CHECK(process_start().ns <= boottime());
}

TEST_CASE("an ADD learns that a DEL which began later found nothing", "[store][departed]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  CHECK_FALSE(store->departed_since_start(pod(1)));
  CHECK(in_child([&] {
    note_process_start();
    open_store(dir.path(), kHere)->mark_departed(pod(1));
  }));
  CHECK(store->departed_since_start(pod(1)));
  CHECK_FALSE(store->departed_since_start(pod(2)));
}

TEST_CASE("an ADD that was stopped before it looked at the clock learns it too", "[store][departed]") {
  const TempDir dir;
  (void)open_store(dir.path(), kHere);
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t add = start_child([&] {
    char c = 0;
    if (::read(pipe[0], &c, 1) != 1) throw 1;
    note_process_start();
    if (!open_store(dir.path(), kHere)->departed_since_start(pod(1))) throw 1;
  });
  ::usleep(30'000);  // more than a clock tick
  CHECK(in_child([&] {
    note_process_start();
    open_store(dir.path(), kHere)->mark_departed(pod(1));
  }));
  REQUIRE(::write(pipe[1], "x", 1) == 1);
  CHECK(child_succeeded(add));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("an ADD that begins after the DEL is not its business", "[store][departed]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  store->mark_departed(pod(1));
  CHECK_FALSE(store->departed_since_start(pod(1)));
  CHECK(in_child([&] {
    note_process_start();
    if (open_store(dir.path(), kHere)->departed_since_start(pod(1))) throw 1;
  }));
}

TEST_CASE("the marks have a fixed size, and their room from the start", "[store][departed]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  store->mark_departed(pod(0));
  const auto size = read_text(dir.path() + "/departed").size();
  for (int n = 1; n < 5000; ++n) store->mark_departed(pod(n));
  CHECK(read_text(dir.path() + "/departed").size() == size);
  CHECK(in_child([&] {
    note_process_start();
    open_store(dir.path(), kHere)->mark_departed(pod(1));
  }));
  CHECK(store->departed_since_start(pod(1)));
}

TEST_CASE("damaged marks are no marks, and the next one is kept all the same", "[store][departed]") {
  const TempDir dir;
  const auto store = open_store(dir.path(), kHere);
  const auto bad = GENERATE(as<std::string>{}, "", "x", std::string(1024 * 128, '\xff'), std::string(77777, 'a'));
  write_text(dir.path() + "/departed", bad);
  CHECK_FALSE(store->departed_since_start(pod(1)));
  CHECK(in_child([&] {
    note_process_start();
    open_store(dir.path(), kHere)->mark_departed(pod(1));
  }));
  CHECK(store->departed_since_start(pod(1)));
}
