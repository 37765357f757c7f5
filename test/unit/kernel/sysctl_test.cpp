#include "kernel/sysctl.h"

#include <catch2/catch.hpp>

#include "base/error.h"

namespace trestle::test {

namespace {

TEST_CASE("a key never leads out of /proc/sys", "[kernel][sysctl]") {
  const auto key = GENERATE(as<std::string>{}, "", "/", "/etc/passwd", "../etc/passwd", "net/../../etc/passwd",
                            "net/..", "net//ipv4", "net/./ipv4", "net/", std::string("net/ipv4/ip_forward\0x", 21));
  CAPTURE(key);
  CHECK_THROWS_AS(kernel::read_sysctl(key), base::Error);
  CHECK_THROWS_AS(kernel::ensure_sysctl(key, "1", false), base::Error);
}

TEST_CASE("a value holds when it is equal, or at least as great where that is enough", "[kernel][sysctl]") {
  struct Row {
    const char *found, *wanted;
    bool at_least, holds;
  };
  const auto row = GENERATE(Row{"1", "1", false, true}, Row{"2", "1", false, false}, Row{"2", "1", true, true},
                            Row{"1", "2", true, false}, Row{"-1", "0", true, false}, Row{"0", "-1", true, true},
                            Row{"10", "9", true, true}, Row{"x", "1", true, false}, Row{"2", "x", true, false},
                            Row{"", "0", true, false}, Row{"-", "0", true, false}, Row{"a", "a", true, true});
  CAPTURE(row.found, row.wanted, row.at_least);
  CHECK(kernel::sysctl_holds(row.found, row.wanted, row.at_least) == row.holds);
}

}  // namespace

}  // namespace trestle::test
