#include "cli/table.h"

#include <catch2/catch.hpp>

using namespace trestle::cli;

TEST_CASE("a table's columns are aligned and an empty cell is visible", "[cli][table]") {
  CHECK(table({{"NETWORK", "POD", "AGE"}, {"demo", "a-long-name", "5s"}, {"d", "", "3m"}}) ==
        "NETWORK  POD          AGE\n"
        "demo     a-long-name  5s\n"
        "d        -            3m\n");
}

TEST_CASE("a table without rows is its head", "[cli][table]") { CHECK(table({{"A", "B"}}) == "A  B\n"); }

TEST_CASE("a character of several bytes takes one column", "[cli][table]") {
  CHECK(table({{"POD", "NIC"}, {"abc…", "eth0"}, {"abcd", "eth1"}}) ==
        "POD   NIC\n"
        "abc…  eth0\n"
        "abcd  eth1\n");
}

TEST_CASE("an age has two digits where possible", "[cli][table]") {
  struct Row {
    std::uint64_t seconds;
    const char* text;
  };
  const auto row = GENERATE(values<Row>({{0, "0s"},
                                         {119, "119s"},
                                         {120, "2m"},
                                         {7199, "119m"},
                                         {7200, "2h"},
                                         {172799, "47h"},
                                         {172800, "2d"},
                                         {86400U * 400U, "400d"}}));
  CAPTURE(row.seconds);
  CHECK(age(row.seconds) == row.text);
}

TEST_CASE("an amount of bytes has a unit", "[cli][table]") {
  CHECK(amount(0) == "0 B");
  CHECK(amount(999) == "999 B");
  CHECK(amount(1000) == "1.0 kB");
  CHECK(amount(999'999) == "999.9 kB");
  CHECK(amount(1'000'000) == "1.0 MB");
  CHECK(amount(~std::uint64_t{0}) == "18.4 EB");
}

TEST_CASE("a text that is too long is cut, and says so", "[cli][table]") {
  CHECK(shortened("0123456789abcdef", 13) == "0123456789ab…");
  CHECK(shortened("0123456789abc", 13) == "0123456789abc");
  CHECK(shortened("……………", 3) == "………");
  CHECK(shortened("", 3).empty());
}
