#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cni/result.h"

using nlohmann::json;
using trestle::cni::error_json;
using trestle::cni::error_json_static;
using trestle::cni::supported_versions;
using namespace std::string_literals;

TEST_CASE("an error is one line of JSON in the config's version", "[cni][error]") {
  CHECK(error_json("1.0.0", 7, "missing network name", "") ==
        R"({"cniVersion":"1.0.0","code":7,"msg":"missing network name"})");
  CHECK(error_json("0.4.0", 105, "differs", "a\nb") ==
        R"({"cniVersion":"0.4.0","code":105,"details":"a\nb","msg":"differs"})");
  for (const std::string& version : supported_versions())
    CHECK(json::parse(error_json(version, 1, "x", ""))["cniVersion"] == version);
}

TEST_CASE("an error in a version that nobody speaks is told in the newest", "[cni][error]") {
  for (const char* version : {"", "9.0.0", "\x1b[31m", "\xff"})
    CHECK(json::parse(error_json(version, 1, "x", ""))["cniVersion"] == "1.1.0");
}

TEST_CASE("whatever bytes are in an error, its document is valid and harmless to a terminal", "[cni][error]") {
  struct Case {
    std::string in, msg, details;
  };
  const auto c = GENERATE(values<Case>({
      {"a\nb\r\tc", "a?b??c", "a\nb??c"},
      {"\x1b[31mred\x07", "?[31mred?", "?[31mred?"},
      {"nul\0byte"s, "nul?byte", "nul?byte"},
      {"\x7f\xc2\x9b"s + "31m", "??31m", "??31m"},
      {"say \"hi\" \\", "say \"hi\" \\", "say \"hi\" \\"},
      {"caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x8c\x89", "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x8c\x89",
       "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x8c\x89"},
      {"bad\xff\xfe", "bad\xef\xbf\xbd\xef\xbf\xbd", "bad\xef\xbf\xbd\xef\xbf\xbd"},
      {"cut\xe2\x80", "cut\xef\xbf\xbd", "cut\xef\xbf\xbd"},
      {"end\xc2", "end\xef\xbf\xbd", "end\xef\xbf\xbd"},
  }));
  CAPTURE(c.in);
  const std::string text = error_json("1.1.0", 199, c.in, c.in);
  CHECK(text.find('\n') == std::string::npos);
  const json parsed = json::parse(text);
  CHECK(parsed["msg"] == c.msg);
  CHECK(parsed["details"] == c.details);
}

TEST_CASE("every single and every pair of bytes gives a valid error document", "[cni][error]") {
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const std::string text{static_cast<char>(a), static_cast<char>(b)};
      if (!json::accept(error_json("1.1.0", 7, text, text))) FAIL("bytes " << a << " " << b);
    }
}

TEST_CASE("the error for exhausted memory is valid in any buffer that holds one", "[cni][error]") {
  const char* const hostile =
      "out of \"memory\" \\ \n\x1b\xff ................................................................";
  std::size_t written = 0;
  for (std::size_t size = 0; size <= 200; ++size) {
    CAPTURE(size);
    std::string buffer(size + 1, '#');
    const std::size_t length = error_json_static(buffer.data(), size, 199, hostile);
    REQUIRE(length <= size);
    REQUIRE(buffer[size] == '#');
    if (length == 0) {
      REQUIRE(written == 0);
      REQUIRE(size < 96);
      continue;
    }
    const json parsed = json::parse(buffer.substr(0, length));
    CHECK(parsed["code"] == 199);
    CHECK(parsed["cniVersion"] == "1.1.0");
    written = length;
  }
  char buffer[256];
  CHECK(std::string(buffer, error_json_static(buffer, sizeof buffer, -5, "a\"b\\c\nd")) ==
        R"({"cniVersion":"1.1.0","code":-5,"msg":"a\"b\\c?d"})");
}
