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

// What this call's NICs are called, and those of an ADD before it that was killed: what is left of it goes before they come.
std::set<net::IfName> names_of(Session& session, const net::Owner& owner, const config::NetConf& conf) {
  std::set<net::IfName> out;
  for (const config::NetConf* nic : config::nics(conf)) out.insert(config::name_of(*nic, owner.ifname));
  if (!session.store().exists(owner)) return out;
  try {
    if (const auto stale = session.store().find(owner))
      for (const store::Nic& nic : stale->nics) out.insert(nic.name);
  } catch (const Error& e) {
    if (e.code != Code::store) throw;
  }
  return out;
}

// Of which families the pod has a way outside already: by a NIC of another call (Multus makes one call for each).
std::vector<net::Family> ways_out(Session& session, const net::Owner& owner, const config::NetConf& conf) {
  std::vector<net::Family> out;
  if (conf.mode == "chained") return out;  // that NIC is the one of the plugin before
  kernel::Socket& pod = session.context().pod_route();
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const auto link = kernel::way_out(pod, family);
    if (!link) continue;
    const std::set<net::IfName> own = names_of(session, owner, conf);
    if (std::ranges::none_of(own, [&](const net::IfName& name) { return kernel::link_index(pod, name) == link; }))
      out.push_back(family);
  }
  return out;
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
  const Job job{request, conf, owner, ways_out(session, owner, conf)};
  config::choose_tables(conf, request.ifname, !job.pod_default.empty());
  heal_some(session, job.owner);
  Trail trail;
  if (has_delegate(conf))
    add_delegated(session, job, print, trail);
  else
    until_whole(session, [&] {
      const auto tell = [&](const cni::Result& result) {
        return print(plan::json_text(cni::to_json(result, conf.cni_version)));
      };
      return attach(session, job, tell, trail);
    });
  release_left(session, trail.left);
}

}  // namespace trestle::app
