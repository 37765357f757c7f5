#pragma once
// The verbs of the specification. Each is all or nothing, throws Error, and is told what it needs and nothing else.
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "app/session.h"
#include "cni/request.h"
#include "config/netconf.h"

namespace trestle::app {

// Writes the answer; false when nobody can read it any more. Called once, as the last thing of an ADD: a failed write undoes it.
using Print = std::function<bool(const std::string&)>;

void add(Session& session, const cni::Request& request, const config::NetConf& conf, const Print& print);
void del(Session& session, const cni::Request& request, const config::Minimal& conf);
// `deep` also asks whether the addresses of prevResult are ours; throws Error{differs} with one line of details per defect.
void check(Session& session, const cni::Request& request, const config::NetConf& conf);
void gc(Session& session, const cni::Request& request, const config::Minimal& conf);
// Throws Error{not_available} or {limited}. Writes nothing.
void status(Session& session, const cni::Request& request, const config::NetConf& conf);

}  // namespace trestle::app
