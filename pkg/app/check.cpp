#include <algorithm>

#include "app/attachment.h"
#include "app/shared.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/verify.h"
#include "kernel/netns.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// MAC and MTU of the pod's side as the end of the chain left them.
std::map<net::IfName, engine::Override> overrides(const cni::Result& prev, const net::IfName& nic) {
  std::map<net::IfName, engine::Override> out;
  for (const cni::Interface& interface : prev.interfaces) {
    if (interface.sandbox.empty() || interface.name != nic.str()) continue;
    engine::Override& to = out[nic];
    if (!interface.mac.empty()) to.mac = net::Mac::parse(interface.mac);
    to.mtu = interface.mtu;
  }
  return out;
}

std::vector<std::string> missing_addresses(const store::Record& record, const cni::Result& prev) {
  std::vector<std::string> out;
  for (const store::LeaseRef& lease : record.leases)
    if (std::none_of(prev.ips.begin(), prev.ips.end(),
                     [&](const cni::ResultIp& ip) { return ip.address.ip == lease.ip; }))
      out.push_back("prevResult: address " + lease.ip.str() + " of this attachment is not in it");
  return out;
}

std::vector<plan::Step> all_steps(Session& session, const store::Record& record) {
  std::vector<plan::Step> steps;
  for (const store::Part& part : parts_in_force(session))
    if (std::find(record.parts.begin(), record.parts.end(), store::PartRef{part.bridge, part.digest}) !=
        record.parts.end())
      steps.insert(steps.end(), part.steps.begin(), part.steps.end());
  steps.insert(steps.end(), record.plan.begin(), record.plan.end());
  return steps;
}

[[noreturn]] void differs(const net::Owner& owner, const std::vector<std::string>& lines) {
  throw Error(Code::differs,
              "attachment " + owner.container + "/" + owner.ifname + " of network '" + owner.network +
                  "' is not as configured: " + lines.front() +
                  (lines.size() > 1 ? " (and " + std::to_string(lines.size() - 1) + " more)" : ""),
              base::join(lines, "\n"));
}

void enter_pod(Session& session, const cni::Request& request, const store::Record& record) {
  auto netns = kernel::open_netns(request.netns);
  if (!netns) differs(record.owner, {"CNI_NETNS '" + request.netns + "' is gone"});
  session.context().set_pod(std::move(*netns));
  if (session.context().pod_cookie() != record.netns_cookie)
    differs(record.owner, {"CNI_NETNS '" + request.netns + "' is another namespace than that of the ADD"});
}

}  // namespace

void check(Session& session, const cni::Request& request, const config::NetConf& conf) {
  const net::Owner owner{conf.name, request.container, request.ifname};
  if (!conf.prev_result) throw Error(Code::bad_config, "CHECK needs the prevResult of the ADD in the configuration");
  const Held held = hold_attachment(session, owner);
  if (!held.record)
    differs(owner,
            {held.unreadable ? "its record cannot be read" : "it has no record: it was never added, or is deleted"});
  const store::Record& record = *held.record;
  enter_pod(session, request, record);
  std::vector<std::string> lines = missing_addresses(record, *conf.prev_result);
  const auto defects = engine::verify(session.context(), all_steps(session, record),
                                      overrides(*conf.prev_result, net::IfName::parse(owner.ifname)));
  for (const engine::Defect& defect : defects) lines.push_back(defect.text);
  if (!lines.empty()) differs(owner, lines);
}

}  // namespace trestle::app
