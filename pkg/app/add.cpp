#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "app/attach.h"
#include "app/attachment.h"
#include "app/chained.h"
#include "app/delegated.h"
#include "app/heal.h"
#include "app/here.h"
#include "app/shared.h"
#include "app/siblings.h"
#include "app/tunnel.h"
#include "app/verbs.h"
#include "base/error.h"
#include "cni/merge.h"
#include "cni/result.h"
#include "engine/apply.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "modes/modes.h"
#include "net/names.h"
#include "plan/json_text.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

net::Owner owner_of(const cni::Request& request, const config::NetConf& conf) {
  return {conf.name, request.container, request.ifname};
}

// The namespace is checked before anything else is done: the reference looks after it has made the veth in the host's own.
void enter_pod(Session& session, const cni::Request& request) {
  const auto cookie = session.context().enter_pod(request.netns);
  if (!cookie)
    throw Error(Code::bad_environment,
                "CNI_NETNS '" + request.netns + "' does not exist; the runtime must make the pod's namespace first");
  if (cookie == session.identity().host_cookie)
    throw Error(Code::bad_environment,
                "CNI_NETNS '" + request.netns + "' is the host's own network namespace; a pod needs one of its own");
}

// The answer is out: nothing that happens here may change it.
void release_left(Session& session, const std::vector<store::PartRef>& parts) noexcept try {
  for (const std::string& line : release_switches(session, {}, parts))
    session.log().write(Log::Level::warn, "a switch that nobody needs is left; GC will take it away", {{"what", line}});
} catch (const std::exception&) {
}

}  // namespace

void add(Session& session, const cni::Request& request, const config::NetConf& asked, const Print& print) {
  enter_pod(session, request);
  config::NetConf conf = with_tunnels(session, with_interface(session, request, asked));
  config::check_names(conf, request.ifname);
  config::place_default_routes(conf);  // the node's part of a list of peers is known by now
  const net::Owner owner = owner_of(request, conf);
  store::Lock pod = session.store().locks().pod(owner.container, session.deadline());
  const Job job{request, conf, owner, look_around(session, owner, conf)};
  fit_in(conf, job.pod, request.ifname);
  heal_some(session, job.owner);
  Trail trail;
  if (has_delegate(conf))
    add_delegated(session, job, print, trail, pod);
  else
    until_whole(session, [&] {
      const auto tell = [&](const cni::Result& result) {
        give_tables(session, job.pod.siblings);
        return print(plan::json_text(cni::to_json(result, conf.cni_version)));
      };
      return attach(session, job, tell, trail);
    });
  release_left(session, trail.left);
}

}  // namespace trestle::app
