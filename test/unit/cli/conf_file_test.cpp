#include "cli/conf_file.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace trestle;
using namespace trestle::cli;
using nlohmann::json;

namespace {

json parse(const char* text) { return json::parse(text); }
json conf_of(const char* file, const Choice& choice = {}) { return plugin_conf(parse(file), choice).conf; }
std::vector<std::string> notes_of(const char* file, const Choice& choice = {}) {
  return plugin_conf(parse(file), choice).notes;
}

constexpr const char* kList = R"({"cniVersion":"1.1.0","name":"demo","plugins":[
  {"type":"trestle","mode":"nat","capabilities":{"ips":true,"mac":false}},{"type":"portmap"}]})";
constexpr const char* kTwo =
    R"({"cniVersion":"1.1.0","name":"demo","plugins":[{"type":"trestle"},{"type":"tuning"},{"type":"trestle","mtu":1400}]})";

}  // namespace

TEST_CASE("a list's plugin gets the list's name and version, as from a runtime", "[cli][conf]") {
  CHECK(
      conf_of(kList) ==
      parse(
          R"({"cniVersion":"1.1.0","name":"demo","type":"trestle","mode":"nat","capabilities":{"ips":true,"mac":false}})"));
}

TEST_CASE("the other plugins of a list are named", "[cli][conf]") {
  CHECK(notes_of(kList) == std::vector<std::string>{"the list's other plugins are left out: portmap"});
}

TEST_CASE("the newest version that a list names is spoken", "[cli][conf]") {
  CHECK(
      conf_of(
          R"({"cniVersion":"0.4.0","cniVersions":["0.3.1","1.1.0","1.0.0","9.9.9"],"name":"d","plugins":[{"type":"trestle"}]})")
          ["cniVersion"] == "1.1.0");
  CHECK(conf_of(R"({"cniVersion":"1.0.0","cniVersions":["0.3.1"],"name":"d","plugins":[{"type":"trestle"}]})")
            ["cniVersion"] == "1.0.0");
  CHECK(conf_of(R"({"name":"d","plugins":[{"type":"trestle"}]})")["cniVersion"] == "");
}

TEST_CASE("one plugin's configuration is taken as it is", "[cli][conf]") {
  const char* text = R"({"cniVersion":"1.1.0","name":"demo","type":"trestle","_mine":1})";
  CHECK(conf_of(text) == parse(text));
  CHECK(notes_of(text).empty());
}

TEST_CASE("--plugin chooses where a list has two", "[cli][conf]") {
  CHECK(conf_of(kTwo, {3, nullptr})["mtu"] == 1400);
  CHECK_FALSE(conf_of(kTwo, {1, nullptr}).contains("mtu"));
}

TEST_CASE("a file without one plugin of ours is refused with what it has", "[cli][conf]") {
  struct Row {
    const char* file;
    std::optional<std::size_t> plugin;
    const char* message;
  };
  const auto row = GENERATE(values<Row>({
      {"[]", {}, "the network configuration must be a JSON object"},
      {R"({"type":"bridge"})", {}, "this is a configuration of type 'bridge', not trestle"},
      {R"({"type":7})", {}, "this is a configuration of type '?', not trestle"},
      {R"({"type":"trestle"})", 1, "--plugin is for lists; this is the configuration of a single plugin"},
      {R"({"plugins":{}})", {}, "plugins: must be a list of plugin configurations"},
      {R"({"plugins":[]})", {}, "plugins: must be a list of plugin configurations"},
      {R"({"plugins":[{"type":"bridge"},7]})", {}, "no plugin of the list is of type trestle"},
      {kTwo, {}, "several plugins of the list are of type trestle; choose one with --plugin N"},
      {kTwo, 2, "plugin 2 of the list is of type 'tuning', not trestle"},
      {kTwo, 0, "--plugin 0: there is none of that number"},
      {kTwo, 4, "--plugin 4: there is none of that number"},
  }));
  CAPTURE(row.file);
  CHECK_THROWS_WITH(plugin_conf(parse(row.file), {row.plugin, nullptr}), row.message);
}

TEST_CASE("only declared capabilities reach the plugin, and a missing declaration is told", "[cli][conf]") {
  const PluginConf out =
      plugin_conf(parse(kList), {{}, parse(R"({"ips":["10.88.0.9/16"],"mac":"02:00:00:00:00:01"})")});
  CHECK(out.conf["runtimeConfig"] == parse(R"({"ips":["10.88.0.9/16"]})"));
  CHECK(out.notes.back() ==
        "\"mac\" comes from a runtime only where the configuration declares it: add \"capabilities\": {\"mac\": true} "
        "(left out here too)");
}

TEST_CASE("a runtimeConfig in the file that no runtime would send is told", "[cli][conf]") {
  CHECK(notes_of(R"({"cniVersion":"1.1.0","type":"trestle","runtimeConfig":{"ipRanges":[]}})") ==
        std::vector<std::string>{"\"ipRanges\" comes from a runtime only where the configuration declares it: add "
                                 "\"capabilities\": {\"ipRanges\": true}"});
  CHECK(notes_of(R"({"cniVersion":"1.1.0","type":"trestle","capabilities":{"ips":true},"runtimeConfig":{"ips":[]}})")
            .empty());
}

TEST_CASE("verbs that runtimes leave out at an old version are told", "[cli][conf]") {
  CHECK(notes_of(R"({"type":"trestle"})") ==
        std::vector<std::string>{"cniVersion 0.1.0: runtimes call neither CHECK nor GC nor STATUS; 1.1.0 has all"});
  CHECK(notes_of(R"({"cniVersion":"1.0.0","type":"trestle"})") ==
        std::vector<std::string>{"cniVersion 1.0.0: runtimes call neither GC nor STATUS; 1.1.0 has both"});
}

TEST_CASE("--cap-args must be an object", "[cli][conf]") {
  CHECK_THROWS_WITH(plugin_conf(parse(kList), {{}, parse("[1]")}),
                    "--cap-args: must be a JSON object, as {\"ips\": [\"10.88.0.9/16\"]}");
}
