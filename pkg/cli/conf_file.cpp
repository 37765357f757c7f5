#include "cli/conf_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cni/json.h"
#include "cni/result.h"

namespace trestle::cli {

using base::Code;
using base::Error;
using nlohmann::json;

namespace {

bool is_trestle(const json& plugin) {
  const auto type = plugin.is_object() ? plugin.find("type") : plugin.end();
  return type != plugin.end() && type->is_string() && type->get_ref<const std::string&>() == "trestle";
}

std::string type_of(const json& plugin) {
  const auto type = plugin.is_object() ? plugin.find("type") : plugin.end();
  return type != plugin.end() && type->is_string() ? base::printable(type->get_ref<const std::string&>(), 40) : "?";
}

// The configuration of one plugin is an object with a type; a list has `plugins`.
bool is_list(const json& file) { return file.is_object() && file.contains("plugins"); }

std::size_t choose(const json& plugins, const std::optional<std::size_t>& wanted) {
  std::vector<std::size_t> ours;
  std::vector<std::string> types;
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    types.push_back(std::to_string(i + 1) + " " + type_of(plugins[i]));
    if (is_trestle(plugins[i])) ours.push_back(i);
  }
  const std::string has = "the list has: " + base::join(types, ", ");
  if (wanted) {
    if (*wanted < 1 || *wanted > plugins.size())
      throw Error(Code::bad_config, "--plugin " + std::to_string(*wanted) + ": there is none of that number", has);
    if (!is_trestle(plugins[*wanted - 1]))
      throw Error(Code::bad_config,
                  "plugin " + std::to_string(*wanted) + " of the list is of type '" + type_of(plugins[*wanted - 1]) +
                      "', not trestle",
                  has);
    return *wanted - 1;
  }
  if (ours.empty()) throw Error(Code::bad_config, "no plugin of the list is of type trestle", has);
  if (ours.size() > 1)
    throw Error(Code::bad_config, "several plugins of the list are of type trestle; choose one with --plugin N", has);
  return ours.front();
}

// libcni calls plugins with the newest version that the list names (`cniVersions`), else with its cniVersion.
json list_version(const json& list) {
  json version = list.contains("cniVersion") ? list["cniVersion"] : json("");
  const auto more = list.find("cniVersions");
  if (more == list.end() || !more->is_array()) return version;
  for (const std::string& known : cni::supported_versions())
    if (std::find(more->begin(), more->end(), json(known)) != more->end() &&
        (!version.is_string() || version == "" || known > version.get<std::string>()))
      version = known;
  return version;
}

json from_list(const json& list, const Choice& choice, std::vector<std::string>& notes) {
  const json& plugins = list["plugins"];
  if (!plugins.is_array() || plugins.empty())
    throw Error(Code::bad_config, "plugins: must be a list of plugin configurations");
  const std::size_t index = choose(plugins, choice.plugin);
  json conf = plugins[index];
  if (list.contains("name")) conf["name"] = list["name"];
  conf["cniVersion"] = list_version(list);
  std::vector<std::string> others;
  for (std::size_t i = 0; i < plugins.size(); ++i)
    if (i != index) others.push_back(type_of(plugins[i]));
  if (!others.empty()) notes.push_back("the list's other plugins are left out: " + base::join(others, ", "));
  return conf;
}

bool declares(const json& conf, const std::string& capability) {
  const auto capabilities = conf.find("capabilities");
  if (capabilities == conf.end() || !capabilities->is_object()) return false;
  const auto it = capabilities->find(capability);
  return it != capabilities->end() && *it == true;
}

std::string undeclared(const std::string& capability) {
  return "\"" + capability +
         "\" comes from a runtime only where the configuration declares it: add \"capabilities\": {\"" + capability +
         "\": true}";
}

void add_runtime_config(json& conf, const json& cap_args, std::vector<std::string>& notes) {
  if (const auto own = conf.find("runtimeConfig"); own != conf.end() && own->is_object())
    for (const auto& [key, value] : own->items())
      if (!declares(conf, key)) notes.push_back(undeclared(base::printable(key, 40)));
  if (cap_args.is_null()) return;
  if (!cap_args.is_object())
    throw Error(Code::bad_config, "--cap-args: must be a JSON object, as {\"ips\": [\"10.88.0.9/16\"]}");
  json runtime = json::object();
  for (const auto& [key, value] : cap_args.items()) {
    if (declares(conf, key))
      runtime[key] = value;
    else
      notes.push_back(undeclared(base::printable(key, 40)) + " (left out here too)");
  }
  if (!runtime.empty()) conf["runtimeConfig"] = std::move(runtime);
}

// Which verbs a runtime leaves out by the version: SPEC, "CHECK", "GC", "STATUS".
void note_version(const json& conf, std::vector<std::string>& notes) {
  const auto it = conf.find("cniVersion");
  const std::string version = it != conf.end() && it->is_string() && *it != "" ? it->get<std::string>() : "0.1.0";
  const auto& known = cni::supported_versions();
  if (std::find(known.begin(), known.end(), version) == known.end()) return;  // the parser will say so
  if (!cni::at_least(version, "0.4.0"))
    notes.push_back("cniVersion " + version + ": runtimes call neither CHECK nor GC nor STATUS; 1.1.0 has all");
  else if (!cni::at_least(version, "1.1.0"))
    notes.push_back("cniVersion " + version + ": runtimes call neither GC nor STATUS; 1.1.0 has both");
}

}  // namespace

std::string from_here(const std::string& path) {
  char here[4096];
  if (path.starts_with('/') || ::getcwd(here, sizeof here) == nullptr) return path;
  return std::string(here) + "/" + path;
}

json read_json(const app::World& world, const std::string& path) {
  base::Fd file;
  int fd = world.in;
  if (path != "-") {
    file = base::try_open(from_here(path), O_RDONLY);
    const int err = errno;
    if (!file.valid()) base::throw_errno(err, path, Code::io);
    fd = file.get();
  }
  const auto text = base::read_all(fd, cni::kMaxInput);
  const int err = errno;
  const std::string name = path == "-" ? "stdin" : path;
  if (!text) base::throw_errno(err, name, Code::io);
  return base::in_context(name, [&] { return cni::parse_json(*text); });
}

PluginConf plugin_conf(const json& file, const Choice& choice) {
  if (!file.is_object()) throw Error(Code::decode, "the network configuration must be a JSON object");
  PluginConf out;
  if (is_list(file)) {
    out.conf = from_list(file, choice, out.notes);
  } else {
    if (choice.plugin)
      throw Error(Code::bad_config, "--plugin is for lists; this is the configuration of a single plugin");
    if (file.contains("type") && !is_trestle(file))
      throw Error(Code::bad_config, "this is a configuration of type '" + type_of(file) + "', not trestle");
    out.conf = file;
  }
  add_runtime_config(out.conf, choice.cap_args, out.notes);
  note_version(out.conf, out.notes);
  return out;
}

PluginConf load_conf(const Arguments& arguments, const Console& console) {
  Choice choice;
  if (const auto number = arguments.find("plugin")) {
    choice.plugin = base::parse_number(*number, 1000);
    if (!choice.plugin) throw UsageError("--plugin: '" + base::printable(*number, 40) + "' is no number");
  }
  if (const auto text = arguments.find("cap-args"))
    choice.cap_args = base::in_context("--cap-args", [&] { return cni::parse_json(*text); });
  const std::string& path = arguments.operands().back();
  const json file = read_json(console.world(), path);
  return base::in_context(path == "-" ? "stdin" : path, [&] { return plugin_conf(file, choice); });
}

}  // namespace trestle::cli
