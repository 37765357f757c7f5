#include "cli/node.h"

#include <map>

#include "base/hash.h"
#include "base/text.h"
#include "cli/conf_file.h"

namespace trestle::cli {

namespace {

constexpr std::string_view kNamed[] = {"/run/netns/", "/var/run/netns/"};

struct Spelling {
  std::string_view variable, option;
};
constexpr Spelling kSpellings[] = {
    {"CNI_CONTAINERID", "--container"}, {"CNI_NETNS", "--netns"}, {"CNI_IFNAME", "--ifname"}, {"CNI_ARGS", "--args"}};

// Nobody set an environment variable here.
std::string in_options(std::string text) {
  for (const auto& [variable, option] : kSpellings)
    for (std::size_t at = text.find(variable); at != std::string::npos; at = text.find(variable, at + option.size()))
      text.replace(at, variable.size(), option);
  return text;
}

}  // namespace

config::Settings settings(const Arguments& arguments, const Console& console, const nlohmann::json& conf) {
  config::Settings out = config::parse_settings(conf, console.world().env("TRESTLE_STATE_DIR"));
  if (const auto dir = arguments.find("state-dir"))
    out.state_dir = base::in_context("--state-dir", [&] {
      return config::parse_settings({{"stateDir", from_here(*dir)}}, std::nullopt).state_dir;
    });
  return out;
}

Node::Node(const config::Settings& settings, const Console& console, app::Session::Access access)
    : log(console.world().log), session(settings, log, app::kDelBudget, access) {
  log.configure(settings.log_level, settings.log_file);
}

std::string plugin_path(const Console& console) {
  return console.world().env("CNI_PATH").value_or("/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni");
}

std::string netns_path(const std::string& text) {
  return text.find('/') == std::string::npos ? "/run/netns/" + text : from_here(text);
}

std::string container_for(const std::string& netns_path) {
  for (const std::string_view folder : kNamed)
    if (netns_path.starts_with(folder) && cni::is_plain_name(netns_path.substr(folder.size())))
      return netns_path.substr(folder.size());
  return "ns-" + base::hex(base::hash64(netns_path), 12);
}

cni::Request request(cni::Command verb, const Arguments& arguments, const Console& console,
                     const std::string& netns_default) {
  const auto netns = arguments.find("netns");
  const std::string path = netns ? netns_path(*netns) : netns_default;
  if (path.empty() && !(verb == cni::Command::del && arguments.has("container")))
    throw UsageError(verb == cni::Command::del ? "--netns or --container is missing: whose attachment?"
                                               : "--netns is missing: which namespace?");
  const std::map<std::string, std::string, std::less<>> variables = {
      {"CNI_COMMAND", verb == cni::Command::del ? "DEL" : "ADD"},
      {"CNI_CONTAINERID", arguments.get("container", container_for(path))},
      {"CNI_NETNS", path},
      {"CNI_IFNAME", arguments.get("ifname", "eth0")},
      {"CNI_ARGS", arguments.get("args", "")},
      {"CNI_PATH", plugin_path(console)}};
  try {
    return cni::Request::from_env([&](std::string_view name) -> std::optional<std::string> {
      const auto it = variables.find(name);
      if (it == variables.end() || it->second.empty()) return std::nullopt;
      return it->second;
    });
  } catch (const base::Error& e) {
    throw UsageError(in_options(e.what()), in_options(e.details));
  }
}

}  // namespace trestle::cli
