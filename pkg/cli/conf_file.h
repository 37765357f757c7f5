#pragma once
// From the file that an administrator wrote to the configuration that a runtime would put on our stdin. Pure but for read_json().
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/run.h"
#include "cli/command.h"

namespace trestle::cli {

// One JSON document from a file, or from stdin when `path` is "-". Throws Error{io}, or Error{decode} with the path in front.
nlohmann::json read_json(const app::World& world, const std::string& path);

// The path as an absolute one: what the store and the kernel layer want.
std::string from_here(const std::string& path);

struct PluginConf {
  nlohmann::json conf;
  std::vector<std::string> notes;  // what a person should know about it: one sentence each
};

struct Choice {
  std::optional<std::size_t> plugin;  // of a list, counted from 1; absent: the one of type trestle
  nlohmann::json cap_args;  // what a runtime would have for capabilities: {"ips":["10.88.0.9/16"]}; null without
};

// A single plugin's configuration is taken as it is; of a list, one plugin's gets the list's name and version, as libcni does (SPEC section 3).
// `cap_args` become runtimeConfig as far as the plugin declares them in `capabilities`; those that it does not are told in notes,
// like whatever of runtimeConfig would not come from a runtime, and verbs that runtimes do not call at its cniVersion.
// Throws Error{bad_config}: no plugin of type trestle, several without a choice, a choice that is none.
PluginConf plugin_conf(const nlohmann::json& file, const Choice& choice);

// The two together for a command whose last operand is FILE, with --plugin and --cap-args.
PluginConf load_conf(const Arguments& arguments, const Console& console);

}  // namespace trestle::cli
