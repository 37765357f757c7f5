#include "cni/json.h"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <ctime>

#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Json;
using trestle::cni::kMaxDepth;
using trestle::cni::kMaxInput;
using trestle::cni::kMaxValues;
using trestle::cni::parse_json;
using namespace std::string_literals;

namespace {

std::string repeated(const std::string& part, std::size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

std::string nested(int depth) {
  return repeated("[", static_cast<std::size_t>(depth)) + repeated("]", static_cast<std::size_t>(depth));
}

struct Bad {
  std::string text, message;
};

#if defined(__SANITIZE_ADDRESS__)
constexpr int kSlower = 10;
#elif defined(__has_feature)
constexpr int kSlower = __has_feature(address_sanitizer) ? 10 : 1;
#else
constexpr int kSlower = 1;
#endif

}  // namespace

TEST_CASE("a document is read as it stands", "[cni][json]") {
  const std::string text =
      R"({"a":{"b":[1,-2,2.5,true,false,null,"x\u00e9\n"],"c":{}},"d":18446744073709551615,"e":-9223372036854775808,"f":1e308})";
  CHECK(parse_json(text) == Json::parse(text));
  CHECK(parse_json(" \r\n\t[] \n") == Json::array());
  CHECK(parse_json("\"bare\"") == Json("bare"));
  CHECK(parse_json("{\"" + "k\xc3\xa9y"s + "\":\"\xf0\x9f\x8c\x89\"}").begin().key() == "k\xc3\xa9y");
}

TEST_CASE("what is not JSON is refused, with its place and reason and without an echo", "[cni][json]") {
  const auto bad = GENERATE(values<Bad>({
      {"",
       "not valid JSON at line 1 (byte 1): syntax error while parsing value - unexpected end of input; expected '[', "
       "'{', or a literal"},
      {"\n\n{\"a\":secret}", "not valid JSON at line 3 (byte 8): syntax error while parsing value - invalid literal"},
      {"{\"a\":\"secret",
       "not valid JSON at line 1 (byte 13): syntax error while parsing value - invalid string: missing closing quote"},
      {"{} secret", "not valid JSON at line 1 (byte 4): syntax error while parsing value - invalid literal"},
      {"{} {}",
       "not valid JSON at line 1 (byte 4): syntax error while parsing value - unexpected '{'; expected end of input"},
      {"{\"a\":1,}",
       "not valid JSON at line 1 (byte 8): syntax error while parsing object key - unexpected '}'; expected string "
       "literal"},
      {"[1,]",
       "not valid JSON at line 1 (byte 4): syntax error while parsing value - unexpected ']'; expected '[', '{', or a "
       "literal"},
      {"{'a':1}", "not valid JSON at line 1 (byte 2): syntax error while parsing object key - invalid literal"},
      {"// secret\n{}", "not valid JSON at line 1 (byte 1): syntax error while parsing value - invalid literal"},
      {"[01]",
       "not valid JSON at line 1 (byte 3): syntax error while parsing array - unexpected number literal; expected ']'"},
      {"[NaN]", "not valid JSON at line 1 (byte 2): syntax error while parsing value - invalid literal"},
      {"\"\x1b[31msecret\"",
       "not valid JSON at line 1 (byte 2): syntax error while parsing value - invalid string: control character "
       "U+001B (ESC) must be escaped to \\u001B"},
      {"\"secret\xff\"",
       "not valid JSON at line 1 (byte 8): syntax error while parsing value - invalid string: ill-formed UTF-8 byte"},
      {"\"\xed\xa0\x80\"",
       "not valid JSON at line 1 (byte 3): syntax error while parsing value - invalid string: ill-formed UTF-8 byte"},
      {"\"\xc0\xaf\"",
       "not valid JSON at line 1 (byte 2): syntax error while parsing value - invalid string: ill-formed UTF-8 byte"},
      {R"("\ud800")",
       "not valid JSON at line 1 (byte 8): syntax error while parsing value - invalid string: surrogate U+D800..U+DBFF "
       "must be followed by U+DC00..U+DFFF"},
  }));
  CAPTURE(bad.text);
  const Error e = error_of([&] { return parse_json(bad.text); });
  CHECK(e.code == Code::decode);
  CHECK(e.what() == bad.message);
  CHECK(e.details.empty());
}

TEST_CASE("what a lenient parser would let through is refused", "[cni][json]") {
  const auto bad = GENERATE(values<Bad>({
      {"\xef\xbb\xbf{}", "not valid JSON at line 1 (byte 0): a byte order mark"},
      {"{}\0secret"s, "not valid JSON at line 1 (byte 2): a NUL byte"},
      {"\0"s, "not valid JSON at line 1 (byte 0): a NUL byte"},
      {R"({"name":"eth0\u0000x"})", "not valid JSON at line 1 (byte 21): a NUL character"},
      {R"({"na\u0000me":1})", "not valid JSON at line 1 (byte 13): a NUL character"},
      {R"({"a":1,"a":1})", "not valid JSON at line 1 (byte 10): the same key twice in one object"},
      {"{\"name\":1,\n\"Name\":2}", "not valid JSON at line 2 (byte 17): the same key twice in one object"},
      {R"({"x":[{"n":{"MTU":1,"b":0,"mtu":2}}]})",
       "not valid JSON at line 1 (byte 31): the same key twice in one object"},
      {R"({"\u0061":1,"A":2})", "not valid JSON at line 1 (byte 15): the same key twice in one object"},
      {"{\"masq\":1,\"ma\xc5\xbfq\":2}", "not valid JSON at line 1 (byte 17): the same key twice in one object"},
      {"{\"k\":1,\"\xe2\x84\xaa\":2}", "not valid JSON at line 1 (byte 12): the same key twice in one object"},
      {"[1e400]", "not valid JSON at line 1 (byte 6): a number is out of range"},
      {"[-1e400]", "not valid JSON at line 1 (byte 7): a number is out of range"},
      {"[1180591620717411303424]", "not valid JSON at line 1 (byte 24): a number is out of range"},  // 2^70
      {"[18446744073709551616]", "not valid JSON at line 1 (byte 22): a number is out of range"},
      {"[-9223372036854775809]", "not valid JSON at line 1 (byte 22): a number is out of range"},
  }));
  CAPTURE(bad.text);
  const Error e = error_of([&] { return parse_json(bad.text); });
  CHECK(e.code == Code::decode);
  CHECK(e.what() == bad.message);
}

TEST_CASE("the same key in different objects is no duplicate", "[cni][json]") {
  CHECK_NOTHROW(parse_json(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2},{"A":3}]})"));
}

TEST_CASE("a document of ours is refused with the code of its reader", "[cni][json]") {
  CHECK(error_of([] { return parse_json("{", Code::store); }).code == Code::store);
  CHECK(error_of([] { return parse_json("[1e400]", Code::store); }).code == Code::store);
  CHECK(error_of([] { return parse_json(std::string(kMaxInput + 1, ' '), Code::store); }).code == Code::store);
}

TEST_CASE("each limit holds exactly", "[cni][json]") {
  SECTION("bytes") {
    CHECK(parse_json("[]" + std::string(kMaxInput - 2, ' ')) == Json::array());
    CHECK(error_of([] { return parse_json("[]" + std::string(kMaxInput - 1, ' ')); }).what() ==
          "more than 1048576 bytes of JSON"s);
  }
  SECTION("depth") {
    CHECK_NOTHROW(parse_json(nested(kMaxDepth)));
    CHECK(error_of([] { return parse_json(nested(kMaxDepth + 1)); }).what() ==
          "not valid JSON at line 1 (byte 33): nested too deeply"s);
    const std::string objects = repeated("{\"a\":", kMaxDepth) + "1" + repeated("}", kMaxDepth);
    CHECK_NOTHROW(parse_json(objects));
    CHECK_THROWS_AS(parse_json("[" + objects + "]"), Error);
    CHECK_NOTHROW(parse_json("[" + nested(kMaxDepth - 1) + "," + nested(kMaxDepth - 1) + "]"));
  }
  SECTION("values") {
    CHECK_NOTHROW(parse_json("[" + repeated("1,", kMaxValues - 2) + "1]"));
    CHECK(std::string(error_of([] { return parse_json("[" + repeated("1,", kMaxValues - 1) + "1]"); }).what())
              .ends_with("too many values"));
  }
}

TEST_CASE("hostile input of 1 MiB costs little time and memory", "[cni][json]") {
  struct Hostile {
    const char* name;
    std::string text;
  };
  std::string keys = "{";
  for (int i = 0; keys.size() < kMaxInput - 16; ++i) keys += "\"" + std::to_string(i) + "\":0,";
  keys += "\"x\":0}";
  const Hostile hostile[] = {
      {"numbers", "[" + repeated("1,", kMaxInput / 2 - 2) + "1]"},
      {"deep arrays", repeated("[", kMaxInput)},
      {"deep objects", repeated("{\"a\":", kMaxInput / 5)},
      {"empty objects", "[" + repeated("{},", kMaxInput / 3 - 2) + "1]"},
      {"small objects", "[" + repeated("{\"\":0},", kMaxInput / 7 - 2) + "1]"},
      {"empty strings", "[" + repeated("\"\",", kMaxInput / 3 - 2) + "1]"},
      {"one long string", "\"" + std::string(kMaxInput - 2, 'x') + "\""},
      {"escapes", "\"" + repeated("\\u0041", kMaxInput / 6 - 1) + "\""},
      {"one object of many keys", keys},
      {"digits", std::string(kMaxInput, '1')},
      {"digits behind a point", "0." + std::string(kMaxInput - 2, '1')},
      {"lines", std::string(kMaxInput, '\n')},
  };
  for (const Hostile& h : hostile) {
    CAPTURE(h.name);
    REQUIRE(h.text.size() <= kMaxInput);
    const std::clock_t start = std::clock();  // of this process: the machine may be busy with other things
    std::size_t held = 0;
    try {
      const Json tree = parse_json(h.text);
      held = mallinfo2().uordblks;  // 0 under ASan
    } catch (const Error&) {
    }
    CHECK(1000 * (std::clock() - start) / CLOCKS_PER_SEC < 400 * kSlower);
    CHECK(held < (32U << 20));
  }
}
