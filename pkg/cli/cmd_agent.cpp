#include <dirent.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/agent.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"

namespace trestle::cli {

using base::Error;

namespace {

constexpr const char* kConfigured = "/etc/cni/net.d";
constexpr Option kOptions[] = {
    {"metrics", "PATH", "a Unix socket for Prometheus (default: agent.sock in the store; \"\" for none)"},
    {"metrics-port", "PORT", "besides, that TCP port of 127.0.0.1"},
    {"interval", "SECONDS", "between looks at everything (default: 60)"},
    {"probe-interval", "SECONDS", "between questions to peers, 64 at a time (default: 30)"},
};

// What a runtime would read.
std::vector<std::string> configured() {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(kConfigured), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(".conf") || name.ends_with(".conflist"))
      out.push_back(std::string(kConfigured) + "/" + std::string(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// One that is just being written, or wrong, is no reason to end: it is said once, until it is right. Of what stands in a runtime's directory
// (`told` is null) most is other plugins'.
std::vector<config::NetConf> networks_of(const std::vector<std::string>& files, const Console& console,
                                         std::map<std::string, std::string>* told, app::Log& log) {
  std::vector<config::NetConf> out;
  for (const std::string& file : files) try {
      out.push_back(config::parse(plugin_conf(read_json(console.world(), file), {}).conf, {}));
      if (told != nullptr) told->erase(file);
    } catch (const Error& e) {
      if (told == nullptr || (*told)[file] == e.what()) continue;
      (*told)[file] = e.what();
      log.write(app::Log::Level::error, "a configuration is left out", {{"file", file}, {"why", e.what()}});
    }
  return out;
}

int number(const Arguments& arguments, const char* option, int otherwise, std::uint64_t most) {
  const auto text = arguments.find(option);
  if (!text) return otherwise;
  const auto value = base::parse_number(*text, most);
  if (!value || *value == 0)
    throw UsageError(std::string("--") + option + ": '" + base::printable(*text, 40) + "' is no number from 1 to " +
                     std::to_string(most));
  return static_cast<int>(*value);
}

int run_agent(const Arguments& arguments, const Console& console) {
  const std::vector<std::string>& given = arguments.operands();
  app::AgentSettings agent{settings(arguments, console, nlohmann::json::object()),
                           {},
                           number(arguments, "metrics-port", 0, 65535),
                           number(arguments, "interval", 60, 86400),
                           number(arguments, "probe-interval", 30, 86400),
                           {},
                           {}};
  agent.metrics = arguments.find("metrics").value_or(agent.settings.state_dir + "/agent.sock");
  const auto files = [given] { return given.empty() ? configured() : given; };
  app::Log log(console.world().log);
  log.configure("info", agent.settings.log_file);  // what is well again is told too
  std::map<std::string, std::string> told;
  agent.networks = [files, &console, &log, told = given.empty() ? nullptr : &told] {
    return networks_of(files(), console, told, log);
  };
  agent.watched = [files, alone = given.empty(), networks = agent.networks] {
    std::vector<std::string> out = files();
    if (alone) out.emplace_back(kConfigured);
    for (const config::NetConf& conf : networks())
      for (const config::NetConf* nic : config::nics(conf))
        if (nic->overlay && !nic->overlay->peers_file.empty()) out.push_back(nic->overlay->peers_file);
    return out;
  };
  { Node store(agent.settings, console, app::Session::Access::write); }  // the socket's folder; and root's alone
  app::run_agent(agent, log);
  return kDone;
}

}  // namespace

const Command kAgent{
    "agent",
    "About",
    "keep the node as it was made (for the systemd unit)",
    "Reads FILEs, else what is in /etc/cni/net.d. Takes up a changed list of peers, an underlay address that changed,\n"
    "a NIC that flapped; makes again what a firewall's reload flushed; takes away attachments whose pod is gone; asks\n"
    "peers through the tunnel, and answers theirs, and says why one does not answer. Pods need it for none of their "
    "traffic: it may end\n"
    "at any time, and touches nothing when it does.\n"
    "\n"
    "Example\n"
    "  trestle agent --metrics-port 9754 /etc/cni/net.d/10-cluster.conflist\n",
    {"[FILE...]", 0, 64},
    kOptions,
    true,
    true,
    run_agent};

}  // namespace trestle::cli
