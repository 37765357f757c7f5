#pragma once
// One try of an ADD: a plan is made, recorded and applied, or all of it is undone.
#include <functional>
#include <vector>

#include "app/session.h"
#include "app/siblings.h"
#include "app/verbs.h"
#include "cni/request.h"
#include "config/netconf.h"

namespace trestle::app {

struct Job {
  const cni::Request& request;
  const config::NetConf& conf;
  net::Owner owner;
  PodNow pod = {};  // what other calls have put into it
};

// What a call meets on its way, for its end.
struct Trail {
  std::vector<store::PartRef> left;   // parts that a stale attachment of this owner needed
  std::vector<store::PartRef> fresh;  // parts that it made itself
};

// The answer, when all is made. false: nobody takes it.
using Tell = std::function<bool(const cni::Result&)>;

// The session's context is in the pod. false: somebody flushed our nftables objects; nothing of this try is left. Throws Error, and then nothing is
// left either, or the record of what is.
bool attach(Session& session, const Job& job, const Tell& tell, Trail& trail);

// Applies Steps of that record's plan; a port of the host that a dead pod still holds is freed for it. false: as attach().
bool make(Session& session, const store::Record& record, const std::vector<plan::Step>& steps);

}  // namespace trestle::app
