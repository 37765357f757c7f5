#include <catch2/catch.hpp>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;
using Catch::Contains;
using config::OnBadSetting;

namespace {

std::string shown(const config::Minimal& minimal) {
  if (!minimal.valid) return "unknown";
  std::string out;
  for (const net::Owner& owner : *minimal.valid)
    out += owner.network + "/" + owner.container + "/" + owner.ifname + " ";
  return out.empty() ? "none" : out;
}

config::Minimal minimal(const std::string& text, cni::Command command = cni::Command::gc) {
  return config::parse_minimal(cni::parse_json(text), command);
}

}  // namespace

TEST_CASE("nothing but version and name can fail a DEL", "[config][minimal]") {
  const auto text = GENERATE(
      as<std::string>{}, R"({"name": "lan"})", R"({"cniVersion": "1.1.0", "name": "lan", "mode": 5, "Subnets": {}})",
      R"({"name": "lan", "ipMasq": true, "vlan": -1, "ipam": [], "prevResult": 7, "runtimeConfig": "x"})",
      R"({"name": "lan", "stateDir": 5, "logLevel": "loud", "logFile": "../x"})",
      R"({"name": "lan", "cni.dev/valid-attachments": 5})");
  CAPTURE(text);
  CHECK(minimal(text, cni::Command::del).name == "lan");
  CHECK_NOTHROW(config::parse_settings(cni::parse_json(text), std::nullopt, OnBadSetting::ignore));
}

TEST_CASE("a name or version that is missing or wrong fails every verb", "[config][minimal]") {
  CHECK(refusal([] { minimal(R"({})", cni::Command::del); }).code == 7);
  CHECK(refusal([] { minimal(R"({"name": "a/b"})", cni::Command::del); }).code == 7);
  CHECK(refusal([] { minimal(R"({"name": "lan", "cniVersion": "0.0.9"})", cni::Command::del); }).code == 1);
}

TEST_CASE("GC knows what is valid from the specification's key, else from its old name", "[config][minimal]") {
  struct Case {
    std::string keys, want;
  };
  const auto c = GENERATE(values<Case>({
      {R"("x.y": 1)", "unknown"},
      {R"("cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2", "ifname": "net1"}])",
       "lan/c1/eth0 lan/c2/net1 "},
      {R"("cni.dev/valid-attachments": [])", "none"},
      {R"("cni.dev/valid-attachments": null)", "none"},
      {R"("cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0", "more": 1}])", "lan/c1/eth0 "},
      {R"("cni.dev/attachments": null)", "none"},
      {R"("cni.dev/valid-attachments": [], "cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}])", "none"},
      {R"("cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}], "cni.dev/attachments": 5)",
       "lan/c1/eth0 "},
  }));
  CAPTURE(c.keys);
  CHECK(shown(minimal(R"({"cniVersion": "1.1.0", "name": "lan", )" + c.keys + "}")) == c.want);
}

TEST_CASE("a malformed list of valid attachments is never taken for none valid", "[config][minimal]") {
  const auto value = GENERATE(as<std::string>{}, "0", "\"\"", "{}", "false", "\"x\"", "[null]", "[5]", "[[]]", "[{}]",
                              R"([{"containerID": "c1"}])", R"([{"ifname": "eth0"}])",
                              R"([{"containerID": "", "ifname": "eth0"}])", R"([{"containerID": 5, "ifname": "eth0"}])",
                              R"([{"containerID": "c1", "ifname": "eth0"}, {"containerId": "c2", "ifname": "eth0"}])");
  const auto key = GENERATE(as<std::string>{}, "cni.dev/valid-attachments", "cni.dev/attachments");
  CAPTURE(key, value);
  const Refusal r =
      refusal([&] { minimal(R"({"cniVersion": "1.1.0", "name": "lan", ")" + key + "\": " + value + "}"); });
  CHECK(r.code == 7);
  CHECK_THAT(r.message, Contains(key));
}

TEST_CASE("settings have defaults, the environment's directory, and the config's above it", "[config][settings]") {
  const auto settings = [](const std::string& patch, const std::optional<std::string>& env = std::nullopt) {
    return config::parse_settings(conf_json(patch), env);
  };
  CHECK(settings("{}").state_dir == "/run/trestle");
  CHECK(settings("{}").log_level == "warn");
  CHECK(settings("{}").log_file.empty());
  CHECK(settings("{}", "/run/other").state_dir == "/run/other");
  CHECK(settings(R"({"stateDir": "/run/third"})", "/run/other").state_dir == "/run/third");
  CHECK(settings(R"({"stateDir": ""})", "/run/other").state_dir == "/run/other");
  CHECK(settings(R"({"logLevel": "debug", "logFile": "/var/log/trestle.log"})").log_level == "debug");
  CHECK(settings(R"({"logLevel": "debug", "logFile": "/var/log/trestle.log"})").log_file == "/var/log/trestle.log");
}

TEST_CASE("one directory has one text", "[config][settings]") {
  const auto dir = GENERATE(as<std::string>{}, "/run/x", "/run/x/", "//run//x", "/run/./x/.");
  CAPTURE(dir);
  CHECK(config::parse_settings(conf_json(R"({"stateDir": ")" + dir + "\"}"), std::nullopt).state_dir == "/run/x");
  CHECK(config::parse_settings(conf_json(), dir).state_dir == "/run/x");
}

TEST_CASE("a directory that is not one is refused", "[config][settings]") {
  const auto dir = GENERATE(as<std::string>{}, "run/x", "./x", "/", "//", "/run/../etc", "/..", "/run/\x01",
                            "/" + std::string(2000, 'x'));
  CAPTURE(dir);
  const cni::Json json = {{"name", "lan"}, {"stateDir", dir}};
  CHECK(refusal([&] { config::parse_settings(json, std::nullopt); }).code == 7);
  CHECK(config::parse_settings(json, "/run/other", OnBadSetting::ignore).state_dir == "/run/other");
  CHECK(refusal([&] { config::parse_settings(conf_json(), dir); }).code == 4);
}

TEST_CASE("bad settings fail an ADD", "[config][settings]") {
  CHECK(refusal(R"({"stateDir": "x"})").code == 7);
  CHECK(refusal(R"({"logLevel": "loud"})").code == 2);
  CHECK(refusal(R"({"logFile": "trestle.log"})").code == 7);
}
