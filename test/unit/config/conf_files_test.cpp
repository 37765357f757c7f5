#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "conf.h"

using namespace trestle;
using namespace trestle::test;

namespace {

// What a runtime hands to a plugin: its entry, with the list's name and version.
std::vector<cni::Json> plugins_of(const cni::Json& list) {
  std::vector<cni::Json> out;
  for (cni::Json plugin : list.at("plugins")) {
    plugin["name"] = list.at("name");
    plugin["cniVersion"] = list.at("cniVersion");
    out.push_back(plugin);
  }
  return out;
}

}  // namespace

TEST_CASE("every ready-made configuration is valid", "[config][conf]") {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TRESTLE_CONF_DIR)) {
    if (entry.path().extension() != ".conflist") continue;
    CAPTURE(entry.path().filename().string());
    std::ifstream file(entry.path());
    const cni::Json list = cni::parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
    CHECK(names.insert(list.at("name").get<std::string>()).second);
    for (const cni::Json& plugin : plugins_of(list)) {
      CHECK(plugin.at("type") == "trestle");
      CHECK(refusal([&] { config::parse(plugin, {}); }).message.empty());
    }
  }
  CHECK(names.size() >= 3);
}
