#include "base/text.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace trestle::base;

TEST_CASE("joining and splitting are each other's undo", "[base][text]") {
  CHECK(join({}, ", ").empty());
  CHECK(join({"a"}, ", ") == "a");
  CHECK(join({"a", "", "b"}, ", ") == "a, , b");
  CHECK(split("", ',') == std::vector<std::string>{""});
  CHECK(split("a,,b,", ',') == std::vector<std::string>{"a", "", "b", ""});
  CHECK(join(split("10.0.0.1,10.0.0.2", ','), ",") == "10.0.0.1,10.0.0.2");
}

TEST_CASE("hex has the asked number of digits, the low ones", "[base][text]") {
  CHECK(hex(0, 2) == "00");
  CHECK(hex(0xABC, 2) == "bc");
  CHECK(hex(std::numeric_limits<std::uint64_t>::max(), 16) == "ffffffffffffffff");
  CHECK(hex(0x0123456789ABCDEF, 11) == "56789abcdef");
}

TEST_CASE("only a plain decimal within its limit is a number", "[base][text]") {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  CHECK(parse_number("0", 0) == 0);
  CHECK(parse_number("65535", 65535) == 65535);
  CHECK(parse_number("18446744073709551615", kMax) == kMax);
  const auto bad = GENERATE(as<std::string>{}, "", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "65536",
                            "18446744073709551616", "99999999999999999999999999", std::string("1\0", 2));
  CAPTURE(bad);
  CHECK_FALSE(parse_number(bad, 65535));
}

TEST_CASE("a number at the very end of 64 bits does not wrap", "[base][text]") {
  CHECK_FALSE(parse_number("18446744073709551616", std::numeric_limits<std::uint64_t>::max()));
  CHECK_FALSE(parse_number("5", 4));
  CHECK_FALSE(parse_number("19", 18));
}

TEST_CASE("hostile text cannot draw on a terminal or break a JSON string", "[base][text]") {
  struct Case {
    std::string raw, shown;
  };
  const auto c = GENERATE(values<Case>({
      {"eth0", "eth0"},
      {"naïve ☃ 🦀", "naïve ☃ 🦀"},
      {"a\nb\x1b[31m\x7f", "a?b?[31m?"},
      {"say \"hi\" 'x'", "say ?hi? ?x?"},
      {std::string("a\0b", 3), "a?b"},
      {"\xff\xfe", "??"},
      {"\xc0\xaf", "??"},            // overlong
      {"\xed\xa0\x80", "???"},       // surrogate
      {"\xe2\x82", "??"},            // cut short
      {"\xf4\x90\x80\x80", "????"},  // beyond U+10FFFF
      {"\xc2\x85", "?"},             // next line, a C1 control
      {"\xe2\x80\xae", "?"},         // right-to-left override
  }));
  CHECK(printable(c.raw) == c.shown);
}

TEST_CASE("long text is cut at a whole character", "[base][text]") {
  CHECK(printable("abcdef", 6) == "abcdef");
  CHECK(printable("abcdefg", 6) == "abcdef…");
  CHECK(printable("ab☃", 4) == "ab…");
  CHECK(printable(std::string(1000, 'x')).size() == 80 + std::string("…").size());
}

TEST_CASE("the nearest known word is found, a far one is not", "[base][text]") {
  const std::vector<std::string_view> keys = {"mode", "mtu", "bridge", "subnets", "spoofCheck", "dns"};
  struct Case {
    std::string word, want;
  };
  const auto c = GENERATE(values<Case>({
      {"Mode", "mode"},
      {"modes", "mode"},
      {"subnet", "subnets"},
      {"spoofcheck", "spoofCheck"},
      {"brigde", "bridge"},
      {"zzzzzz", ""},
      {"", ""},
      {"x", ""},  // every short word is near to every other: no guess
      {"qq", ""},
  }));
  CAPTURE(c.word);
  CHECK(nearest(c.word, keys) == c.want);
  CHECK(nearest(std::string(100000, 'm'), keys).empty());
}
