// The program as a person sees it, as far as no kernel is needed: words out, words to stderr, exit code.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "cli/cli.h"

using namespace trestle;

namespace {

struct Said {
  int code;
  std::string out, err;
};

std::string drain(int fd) {
  ::lseek(fd, 0, SEEK_SET);
  return base::read_all(fd, 1U << 20).value();
}

Said say(std::vector<std::string> words, const std::string& in = "",
         const std::map<std::string, std::string>& env = {}) {
  base::Fd streams[3];
  for (base::Fd& stream : streams) stream = base::Fd(::memfd_create("stream", MFD_CLOEXEC));
  REQUIRE(base::write_all(streams[0].get(), in));
  ::lseek(streams[0].get(), 0, SEEK_SET);
  const app::World world{[&](std::string_view name) -> std::optional<std::string> {
                           const auto it = env.find(std::string(name));
                           if (it == env.end()) return std::nullopt;
                           return it->second;
                         },
                         streams[0].get(), streams[1].get(), streams[2].get()};
  words.insert(words.begin(), "trestle");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  const int code = cli::run(static_cast<int>(argv.size()), argv.data(), world);
  return {code, drain(streams[1].get()), drain(streams[2].get())};
}

constexpr const char* kConf =
    R"({"cniVersion":"1.1.0","name":"demo","plugins":[{"type":"trestle","mode":"nat","subnets":["10.88.0.0/16","fd88::/64"]}]})";

// A file whose text is gone with the object.
class Temporary {
 public:
  explicit Temporary(const std::string& text) {
    const base::Fd fd(::mkstemp(path_));
    REQUIRE(base::write_all(fd.get(), text));
  }
  ~Temporary() { ::unlink(path_); }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/trestle-cli-XXXXXX";
};

}  // namespace

TEST_CASE("without arguments a newcomer gets help, and exit code 0", "[cli][run]") {
  const Said said = say({});
  CHECK(said.code == 0);
  CHECK(said.err.empty());
  for (const char* word : {"plan FILE", "add FILE", "del FILE", "ps ", "inspect WHO", "check [CONTAINER]", "gc [FILE]",
                           "repair", "status FILE", "version", "Examples", "Exit codes"})
    CHECK_THAT(said.out, Catch::Contains(word));
  CHECK(say({"--help"}).out == said.out);
  CHECK(say({"help"}).out == said.out);
  std::size_t longest = 0, start = 0;
  for (std::size_t end = said.out.find('\n'); end != std::string::npos;
       start = end + 1, end = said.out.find('\n', start))
    longest = std::max(longest, end - start);
  CHECK(longest <= 100);
}

TEST_CASE("each command has help of its own with an example", "[cli][run]") {
  const auto name =
      GENERATE(as<std::string>{}, "plan", "add", "del", "ps", "inspect", "check", "gc", "repair", "status", "version");
  const Said said = say({name, "--help"});
  CHECK(said.code == 0);
  CHECK_THAT(said.out, Catch::Contains("usage: trestle " + name) && Catch::Contains("Example") &&
                           Catch::Contains("--state-dir DIR"));
  CHECK(say({"help", name}).out == said.out);
}

TEST_CASE("a wrong command line is exit code 2 and says what would be right", "[cli][run]") {
  struct Row {
    std::vector<std::string> words;
    const char* err;
  };
  const auto row = GENERATE(values<Row>({
      {{"plam"}, "trestle: unknown command 'plam'; did you mean 'plan'?\n    'trestle --help' shows all commands\n"},
      {{"xyzzy"}, "trestle: unknown command 'xyzzy'\n    'trestle --help' shows all commands\n"},
      {{"plan"}, "trestle plan: FILE is missing\n    'trestle plan --help' says more\n"},
      {{"ps", "x"}, "trestle ps: 'x' is one word too many\n    this command takes options only\n"},
      {{"ps", "--jsonn"},
       "trestle ps: unknown option '--jsonn'; did you mean --json?\n    options: --wide, --json, --state-dir, "
       "--help\n"},
      {{"--frob"}, "trestle: unknown option '--frob'\n    options: --state-dir, --help, --version\n"},
      {{"plan", "-", "--plugin", "x"},
       "trestle plan: --plugin: 'x' is no number\n    'trestle plan --help' says more\n"},
      {{"plan", "-", "--ifname", "lo"},
       "trestle plan: --ifname: lo is in every pod already\n    'trestle plan --help' says more\n"},
  }));
  CAPTURE(row.words);
  const Said said = say(row.words);
  CHECK(said.code == 2);
  CHECK(said.out.empty());
  CHECK(said.err == row.err);
}

TEST_CASE("the version names the versions of CNI", "[cli][run]") {
  CHECK_THAT(say({"version"}).out,
             Catch::StartsWith("trestle ") && Catch::EndsWith("\nCNI 0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0\n"));
  CHECK(say({"--version"}).out == say({"version"}).out);
}

TEST_CASE("plan needs neither store nor host when it is given the facts", "[cli][run][plan]") {
  const Temporary facts(R"({"mtu":1400,"ipv6":true,"raLinks":[]})");
  const Said said =
      say({"--state-dir", "/nonexistent/trestle", "plan", "-", "--netns", "pod-a", "--facts", facts.path()}, kConf);
  CHECK(said.err.empty());
  REQUIRE(said.code == 0);
  for (const char* line : {"shared (switch trdemo):\n", "\nattachment:\n", "\nresult:\n",
                           "  pod:eth0: address 10.88.0.2/16\n", "MTU 1400", "  pod:eth0: address fd88::2/64\n",
                           "  route 0.0.0.0/0 via 10.88.0.1\n", "in /run/netns/pod-a\n", "      table inet\n"})
    CHECK_THAT(said.out, Catch::Contains(line));
}

TEST_CASE("plan --json has the parts and the result", "[cli][run][plan]") {
  const Temporary facts("{}");
  const Said said =
      say({"plan", "--json", "-", "--state-dir", "/nonexistent/trestle", "--facts", facts.path(), "--ifname", "net1"},
          kConf);
  REQUIRE(said.code == 0);
  const auto json = nlohmann::json::parse(said.out);
  CHECK(json["schema"] == 1);
  CHECK(json["network"] == "demo");
  CHECK(json["shared"].size() > 3);
  CHECK(json["attachment"].is_array());
  CHECK(json["result"]["ips"][0]["address"] == "10.88.0.2/16");
  CHECK(json["result"]["interfaces"][2]["name"] == "net1");
}

TEST_CASE("plan follows what is asked for, as ADD would", "[cli][run][plan]") {
  const Temporary facts("{}");
  const Said said = say({"plan", "-", "--state-dir", "/nonexistent/trestle", "--facts", facts.path(), "--args",
                         "IP=10.88.7.7;MAC=02:00:00:00:07:07"},
                        kConf);
  REQUIRE(said.code == 0);
  CHECK_THAT(said.out, Catch::Contains("pod:eth0: address 10.88.7.7/16") && Catch::Contains("02:00:00:00:07:07"));
}

TEST_CASE("plan refuses what ADD would refuse, naming the file", "[cli][run][plan]") {
  const Temporary bad(
      R"({"cniVersion":"1.1.0","name":"demo","type":"trestle","subnets":["10.88.0.0/16"],"ipMasq":true})");
  const Said said = say({"plan", bad.path()});
  CHECK(said.code == 1);
  CHECK(said.out.empty());
  CHECK_THAT(said.err, Catch::StartsWith("trestle plan: ") && Catch::Contains("ipMasq"));
  CHECK_THAT(say({"plan", "/nonexistent.conf"}).err,
             Catch::Equals("trestle plan: /nonexistent.conf: No such file or directory\n"));
  CHECK_THAT(say({"plan", "-"}, "{").err, Catch::StartsWith("trestle plan: stdin: "));
}

TEST_CASE("ps without a store is its head alone", "[cli][run][ps]") {
  const Said said = say({"ps", "--state-dir", "/nonexistent/trestle"});
  CHECK(said.code == 0);
  CHECK(said.out == "NETWORK  POD  NIC  ADDRESSES  MAC  HOST-LINK  AGE  HEALTH\n");
  CHECK(say({"ps", "--json"}, "", {{"TRESTLE_STATE_DIR", "/nonexistent/trestle"}}).out == "[]\n");
}
