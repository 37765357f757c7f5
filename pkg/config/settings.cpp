#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cni/json.h"
#include "cni/request.h"
#include "config/identity.h"
#include "config/interfaces.h"
#include "config/keys.h"
#include "config/netconf.h"

namespace trestle::config {
namespace {

using base::Code;
using base::Error;
using cni::Field;

constexpr Choice kLogLevels[] = {{"error"}, {"warn"}, {"info"}, {"debug"}};
constexpr std::size_t kMaxPath = 1024;

// One text for one directory: link groups are hashes of it, so "/run/x/" and "/run//x" must not be two.
// nullopt: not absolute, "..", the root, control characters, or too long.
std::optional<std::string> tidy_path(std::string_view text) {
  const auto control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
  if (!text.starts_with('/') || text.size() > kMaxPath || std::any_of(text.begin(), text.end(), control))
    return std::nullopt;
  std::string path;
  for (const std::string& part : base::split(text, '/')) {
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") path += '/' + part;
  }
  return path.empty() ? std::nullopt : std::optional(path);
}

void must_be_conf(const Field& conf) {
  if (!conf.raw().is_object()) throw Error(Code::decode, "network configuration: must be a JSON object");
}

std::string parse_path(const Field& field) {
  const std::string text = field.string();
  const std::optional<std::string> path = tidy_path(text);
  if (!path) field.refuse("\"" + base::printable(text) + "\" is no absolute path without \"..\"");
  return *path;
}

std::vector<net::Owner> parse_valid(const Field& list, const std::string& network) {
  std::vector<net::Owner> valid;
  for (const Field& item : list.items()) {
    const auto container = item.find("containerID"), ifname = item.find("ifname");
    if (!container || !ifname) item.refuse("must have containerID and ifname");
    valid.push_back({network, container->string(), ifname->string()});
  }
  return valid;
}

}  // namespace

Identity parse_identity(const Field& conf) {
  must_be_conf(conf);
  const auto version = conf.find_any("cniVersion"), name = conf.find("name");
  Identity identity;
  identity.cni_version = cni::check_version(version ? version->string() : "");
  if (!name) throw Error(Code::bad_config, "missing network name");
  identity.name = name->string();
  if (!cni::is_plain_name(identity.name))
    name->refuse("\"" + base::printable(identity.name) +
                 "\" must begin with a letter or digit and have only letters, digits, '_', '.' and '-', 128 at most");
  return identity;
}

namespace {

// Never throws: whatever stands there, DEL goes on.
std::optional<plan::Delegate> delegate_of(const nlohmann::json& json) {
  const auto ipam = json.find("ipam");
  if (ipam == json.end() || !ipam->is_object()) return std::nullopt;
  const auto type = ipam->find("type");
  if (type == ipam->end() || !type->is_string()) return std::nullopt;
  const auto& name = type->get_ref<const std::string&>();
  if (name == "trestle" || !plan::is_plugin_type(name)) return std::nullopt;
  return plan::Delegate{name, json.dump(), {}, {}};
}

// A delegate knows its leases by the NIC's name: what is valid is so under the name of each NIC that it serves there ("": CNI_IFNAME).
void put_valid(nlohmann::json& conf, const std::vector<std::string>& nics) {
  for (const char* key : kValidKeys) {
    const auto list = conf.find(key);
    if (list == conf.end() || !list->is_array()) continue;
    nlohmann::json all = nlohmann::json::array();
    for (const nlohmann::json& one : *list)
      for (const std::string& nic : nics) {
        nlohmann::json& copy = all.emplace_back(one);
        if (!nic.empty() && copy.is_object()) copy["ifname"] = nic;
      }
    *list = std::move(all);
  }
}

// "": the first NIC.
struct Served {
  std::string nic;
  nlohmann::json conf;
  bool named = false;
};

std::vector<Minimal::Nic> delegates_of(const nlohmann::json& json, const std::string& network) {
  std::vector<Served> all = {{"", json, false}};
  try {
    for (Entry& entry : parse_entries(Field(json, ""), network)) {
      for (const char* key : kValidKeys)
        if (json.contains(key)) entry.conf[key] = json.at(key);
      all.push_back({entry.nic.str(), std::move(entry.conf), entry.named});
    }
  } catch (const Error&) {
    all.resize(1);  // ADD refused them, so there are none
  }
  std::erase_if(all, [](const Served& one) { return !delegate_of(one.conf); });
  std::vector<Minimal::Nic> out;
  for (Served& one : all) {
    std::vector<std::string> nics;
    bool first = true;
    for (const Served& other : all) {
      if (other.conf.at("name") != one.conf.at("name")) continue;
      if (nics.empty()) first = &other == &one;
      nics.push_back(other.nic);
    }
    nlohmann::json conf = one.conf;  // the names of the others are still to be read
    put_valid(conf, nics);
    out.push_back({one.nic, *delegate_of(conf), first && !one.named});
  }
  return out;
}

}  // namespace

Minimal parse_minimal(const nlohmann::json& json, cni::Command command) {
  const Field conf(json, "");
  Identity identity = parse_identity(conf);
  Minimal out{std::move(identity.cni_version), std::move(identity.name), std::nullopt};
  out.delegates = delegates_of(json, out.name);
  if (command != cni::Command::gc) return out;
  for (const char* key : kValidKeys) {
    if (!conf.has(key)) continue;
    const Field list(json.at(key), key);
    out.valid = list.raw().is_null() ? std::vector<net::Owner>{} : parse_valid(list, out.name);
    break;
  }
  return out;
}

Settings parse_settings(const nlohmann::json& json, const std::optional<std::string>& env_dir, OnBadSetting on_bad) {
  const Field conf(json, "");
  if (on_bad == OnBadSetting::refuse) must_be_conf(conf);
  Settings out;
  if (env_dir) {
    const std::optional<std::string> path = tidy_path(*env_dir);
    if (!path)
      throw Error(Code::bad_environment,
                  "TRESTLE_STATE_DIR: \"" + base::printable(*env_dir) + "\" is no absolute path without \"..\"");
    out.state_dir = *path;
  }
  const auto take = [&](const char* key, std::string& into, auto&& parse_value) {
    try {
      if (const auto field = conf.find(key)) into = parse_value(*field);
    } catch (const Error&) {
      if (on_bad == OnBadSetting::refuse) throw;
    }
  };
  take("stateDir", out.state_dir, parse_path);
  take("logLevel", out.log_level, [](const Field& field) { return choose(field, kLogLevels); });
  take("logFile", out.log_file, parse_path);
  return out;
}

}  // namespace trestle::config
