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

TEST_CASE("every ready-made configuration is valid, and README says what it is for", "[config][conf]") {
  std::ifstream in(std::string(TRESTLE_CONF_DIR) + "/../README.md");
  const std::string readme(std::istreambuf_iterator<char>(in), {});
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TRESTLE_CONF_DIR)) {
    if (entry.path().extension() != ".conflist") continue;
    CAPTURE(entry.path().filename().string());
    std::ifstream file(entry.path());
    const cni::Json list = cni::parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
    CHECK(names.insert(list.at("name").get<std::string>()).second);
    CHECK(readme.find("(conf/" + entry.path().filename().string() + ")") != std::string::npos);
    std::size_t ours = 0;
    for (const cni::Json& plugin : plugins_of(list)) {
      if (plugin.at("type") != "trestle") continue;  // another plugin's in a chain
      ++ours;
      CHECK(refusal([&] { config::parse(plugin, {}); }).message.empty());
    }
    CHECK(ours == 1);
  }
  CHECK(names.size() >= 20);
}
