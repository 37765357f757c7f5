#include <catch2/catch.hpp>

#include "cni/json.h"
#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Field;
using trestle::cni::Json;
using trestle::cni::parse_json;
using namespace std::string_literals;

TEST_CASE("an error about a field carries its path", "[cni][field]") {
  const Json json = parse_json(R"({"ipam":{"ranges":[[{"subnet":"10.0.0.0/8"},{"subnet":5}]]},"s":"x","o":{}})");
  const Field root(json, "");
  const Field subnet = root.at("ipam").at("ranges").items()[0].items()[1].at("subnet");
  CHECK(subnet.path() == "ipam.ranges[0][1].subnet");
  const Error e = error_of([&] { return subnet.string(); });
  CHECK(e.code == Code::bad_config);
  CHECK(e.what() == "ipam.ranges[0][1].subnet: must be a string"s);
  CHECK(error_of([&] { return root.at("s").integer(0, 9); }).what() == "s: must be a whole number from 0 to 9"s);
  CHECK(error_of([&] { return root.at("s").boolean(); }).what() == "s: must be true or false"s);
  CHECK(error_of([&] { return root.at("s").items(); }).what() == "s: must be an array"s);
  CHECK(error_of([&] { return root.at("s").keys(); }).what() == "s: must be an object"s);
  CHECK(error_of([&] { return root.at("s").find("x"); }).what() == "s: must be an object"s);
  CHECK(error_of([&] { return root.at("ipam").at("type"); }).what() == "ipam: type is missing"s);
  CHECK(error_of([&] { return root.at("mode"); }).what() == "mode is missing"s);
}

TEST_CASE("an empty template value counts as absent, a false or a wrong one does not", "[cni][field]") {
  const Json json = parse_json(
      R"({"e1":"","e2":0,"e3":null,"e4":[],"e5":{},"v1":" ","v2":false,"v3":0.5,"v4":[0],"v5":{"a":null},"v6":-1})");
  const Field root(json, "");
  for (const char* key : {"e1", "e2", "e3", "e4", "e5", "absent"}) {
    CAPTURE(key);
    CHECK_FALSE(root.find(key));
  }
  for (const char* key : {"v1", "v2", "v3", "v4", "v5", "v6"}) {
    CAPTURE(key);
    CHECK(root.find(key));
  }
  CHECK(root.has("e3"));
  CHECK_FALSE(root.has("absent"));
  CHECK_FALSE(root.at("v1").has("x"));
  CHECK(root.find_any("e2"));
  CHECK_FALSE(root.find_any("e3"));
  CHECK(root.keys().size() == 11);
}

TEST_CASE("no number is ever cut to fit", "[cni][field]") {
  const auto bad = GENERATE(as<std::string>{}, "1.5", "1.5e9", "1e3", "1.0", "true", "\"5\"", "null", "[5]", "{}", "-1",
                            "65536", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615",
                            "-9223372036854775808");
  CAPTURE(bad);
  const Json json = parse_json(bad);
  CHECK(error_of([&] { return Field(json, "port").integer(0, 65535); }).what() ==
        "port: must be a whole number from 0 to 65535"s);
}

TEST_CASE("a number at either end of its range is read", "[cni][field]") {
  const auto number = GENERATE(as<std::int64_t>{}, INT64_MIN, -1, 0, 1, INT64_MAX);
  const Json json = parse_json(std::to_string(number));
  CHECK(Field(json, "n").integer(INT64_MIN, INT64_MAX) == number);
  CHECK(Field(json, "n").integer(number, number) == number);
}
