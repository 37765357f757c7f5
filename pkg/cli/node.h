#pragma once
// What the commands have in common in reaching the node: settings, store, sockets.
#include <nlohmann/json.hpp>
#include <string>

#include "app/session.h"
#include "cli/command.h"
#include "cni/request.h"

namespace trestle::cli {

// --state-dir, else the configuration's stateDir (`conf` may be an empty object), else TRESTLE_STATE_DIR, else the default.
config::Settings settings(const Arguments& arguments, const Console& console, const nlohmann::json& conf);

// A session together with the log that it needs. Access::read makes nothing.
struct Node {
  Node(const config::Settings& settings, const Console& console, app::Session::Access access);
  app::Log log;
  app::Session session;
};

// CNI_PATH, else where distributions keep the plugins: only a delegated IPAM is looked for there.
std::string plugin_path(const Console& console);

// "pod-a" is /run/netns/pod-a; what has a '/' is a path, from where it was typed.
std::string netns_path(const std::string& text);
// A container id for who has none: the name of a named namespace, else one made from the path's hash. The same for add and del.
std::string container_for(const std::string& netns_path);

// --container --netns --ifname --args as the request that a runtime would make of them. What is absent is derived: the container from the
// namespace, eth0. `netns_default` stands in for an absent --netns; "" leaves it out. Throws Error naming the options.
cni::Request request(cni::Command verb, const Arguments& arguments, const Console& console,
                     const std::string& netns_default);

}  // namespace trestle::cli
