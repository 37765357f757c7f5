#include <catch2/catch.hpp>

#include "cni/result.h"
#include "error_of.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::at_least;
using trestle::cni::check_gate;
using trestle::cni::check_version;
using trestle::cni::supported_versions;
using namespace std::string_literals;

TEST_CASE("the seven versions of the specification are spoken, and no version means the first", "[cni][versions]") {
  CHECK(supported_versions() ==
        std::vector<std::string>{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"});
  for (const std::string& version : supported_versions()) CHECK(check_version(version) == version);
  CHECK(check_version("") == "0.1.0");
}

TEST_CASE("any other version is refused in the reference's words", "[cni][versions]") {
  const auto version = GENERATE(as<std::string>{}, "9.0.0", "1.1", "1.1.1", "0.5.0", "v1.0.0", "1.0.0 ", "01.0.0");
  const Error e = error_of([&] { return check_version(version); });
  CHECK(e.code == Code::incompatible_version);
  CHECK(e.what() == "incompatible CNI versions"s);
  CHECK(e.details == "config is \"" + version +
                         "\", plugin supports [\"0.1.0\" \"0.2.0\" \"0.3.0\" \"0.3.1\" \"0.4.0\" \"1.0.0\" \"1.1.0\"]");
}

TEST_CASE("a hostile version is not echoed as it stands", "[cni][versions]") {
  const Error e = error_of([] { return check_version("\x1b[2J\n\"" + std::string(5000, 'x')); });
  CHECK(e.details.size() < 200);
  CHECK(e.details.find('\x1b') == std::string::npos);
  CHECK(e.details.find('\n') == std::string::npos);
}

TEST_CASE("versions are ordered by age", "[cni][versions]") {
  const auto& all = supported_versions();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j) CHECK(at_least(all[i], all[j].c_str()) == (i >= j));
  CHECK(error_of([] { return at_least("9.0.0", "1.0.0"); }).code == Code::bug);
}

TEST_CASE("a verb that the config's version does not know is refused", "[cni][versions]") {
  struct Gate {
    std::string version, verb, least;
    bool open;
  };
  const auto gate = GENERATE(values<Gate>({
      {"", "CHECK", "0.4.0", false},
      {"0.3.1", "CHECK", "0.4.0", false},
      {"0.4.0", "CHECK", "0.4.0", true},
      {"1.1.0", "CHECK", "0.4.0", true},
      {"1.0.0", "GC", "1.1.0", false},
      {"1.1.0", "GC", "1.1.0", true},
      {"1.0.0", "STATUS", "1.1.0", false},
      {"1.1.0", "STATUS", "1.1.0", true},
  }));
  CAPTURE(gate.version, gate.verb);
  if (gate.open) {
    CHECK_NOTHROW(check_gate(gate.version, gate.verb.c_str(), gate.least.c_str()));
    return;
  }
  const Error e = error_of([&] {
    check_gate(gate.version, gate.verb.c_str(), gate.least.c_str());
    return 0;
  });
  CHECK(e.code == Code::incompatible_version);
  CHECK(e.what() == "config version does not allow " + gate.verb);
}
