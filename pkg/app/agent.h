#pragma once
// One loop that keeps a node as its records and configurations say: it hears the kernel, reads lists of peers that changed, and looks at
// everything from time to time. Its end touches nothing.
#include <functional>
#include <string>
#include <vector>

#include "app/log.h"
#include "config/netconf.h"

namespace trestle::app {

struct AgentSettings {
  config::Settings settings;
  std::string metrics;  // path of a Unix socket; "": none
  int port = 0;         // of 127.0.0.1, for metrics too; 0: none
  int interval_s = 60;  // between looks at everything
  int probe_s = 30;     // between questions to peers
  std::function<std::vector<std::string>()>
      watched;  // files and directories whose change is taken up at once, as of now
  std::function<std::vector<config::NetConf>()> networks;  // as configured now; what cannot be read is left out
};

// Returns when SIGTERM or SIGINT comes. Throws Error when it cannot begin.
void run_agent(const AgentSettings& settings, Log& log);

}  // namespace trestle::app
