#include "cli/arguments.h"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace trestle::cli;

namespace {

constexpr Option kOptions[] = {{"netns", "NAME|PATH", ""}, {"ifname", "NAME", ""}, {"json", "", ""}};
constexpr Operands kFile{"FILE", 1, 1};

Arguments parse(std::vector<std::string> words, const Operands& operands = kFile, bool stop_early = false) {
  std::vector<char*> argv = {const_cast<char*>("trestle")};
  for (std::string& word : words) argv.push_back(word.data());
  return Arguments::parse(argv, kOptions, operands, stop_early);
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("options and operands come in any order and either spelling", "[cli][arguments]") {
  const auto words = GENERATE(values<Words>({{"net.conf", "--netns", "a", "--json"},
                                             {"--netns=a", "--json", "net.conf"},
                                             {"--json", "net.conf", "--netns", "a"},
                                             {"--json", "--netns", "b", "--netns", "a", "--", "net.conf"}}));
  CAPTURE(words);
  const Arguments arguments = parse(words);
  CHECK(arguments.operands() == Words{"net.conf"});
  CHECK(arguments.get("netns", "") == "a");
  CHECK(arguments.has("json"));
  CHECK_FALSE(arguments.find("ifname"));
}

TEST_CASE("the order holds where POSIXLY_CORRECT would end the options at the first operand", "[cli][arguments]") {
  ::setenv("POSIXLY_CORRECT", "1", 1);
  const Arguments arguments = parse({"net.conf", "--netns", "a"});
  ::unsetenv("POSIXLY_CORRECT");
  CHECK(arguments.get("netns", "") == "a");
  CHECK(arguments.operands() == Words{"net.conf"});
}

TEST_CASE("'-' is an operand: stdin", "[cli][arguments]") { CHECK(parse({"-", "--json"}).operands() == Words{"-"}); }

TEST_CASE("behind '--' everything is an operand", "[cli][arguments]") {
  CHECK(parse({"--", "--json"}).operands() == Words{"--json"});
}

TEST_CASE("-h asks for help, and then nothing is missing", "[cli][arguments]") { CHECK(parse({"-h"}).has("help")); }

TEST_CASE("global options end at the command's name", "[cli][arguments]") {
  const Arguments arguments = parse({"--json", "ps", "--netns", "x"}, {}, true);
  CHECK(arguments.has("json"));
  CHECK_FALSE(arguments.has("netns"));
  CHECK(arguments.consumed() == 2);
  CHECK(arguments.operands() == Words{"ps", "--netns", "x"});
}

TEST_CASE("a wrong command line is refused with what is wrong about it", "[cli][arguments]") {
  struct Row {
    Words words;
    const char* message;
  };
  const auto row = GENERATE(values<Row>({
      {{}, "FILE is missing"},
      {{"a", "b"}, "'b' is one word too many"},
      {{"a", "--nets", "x"}, "unknown option '--nets'; did you mean --netns?"},
      {{"a", "--netz=x"}, "unknown option '--netz=x'; did you mean --netns?"},
      {{"a", "--frobnicate"}, "unknown option '--frobnicate'"},
      {{"a", "-x"}, "unknown option '-x'"},
      {{"-x", "a"}, "unknown option '-x'"},
      {{"a", "-xh"}, "unknown option '-xh'"},
      {{"a", "--netns"}, "option --netns needs a value: NAME|PATH"},
      {{"a", "--json=1"}, "option --json takes no value"},
  }));
  CAPTURE(row.words);
  CHECK_THROWS_WITH(parse(row.words), row.message);
  CHECK_THROWS_AS(parse(row.words), UsageError);
}
