#include <algorithm>

#include "app/attachment.h"
#include "app/chain_end.h"
#include "app/delegated.h"
#include "app/here.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/text.h"
#include "delegate/plugin.h"
#include "engine/verify.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

std::vector<std::string> missing_addresses(const store::Record& record, const cni::Result& prev) {
  std::vector<std::string> out;
  for (const store::LeaseRef& lease : record.leases)
    if (std::none_of(prev.ips.begin(), prev.ips.end(),
                     [&](const cni::ResultIp& ip) { return ip.address.ip == lease.ip; }))
      out.push_back("prevResult: address " + lease.ip.str() + " of this attachment is not in it");
  return out;
}

std::vector<plan::Step> all_steps(Session& session, const store::Record& record) {
  std::vector<plan::Step> steps = shared_steps(record, parts_in_force(session));
  steps.insert(steps.end(), record.plan.begin(), record.plan.end());
  return steps;
}

std::vector<std::string> defects_of_tunnels(Session& session, const config::NetConf& conf) try {
  std::vector<std::string> lines;
  const config::NetConf here = with_tunnels(session, conf);
  for (const config::NetConf* nic : config::nics(here))
    if (nic->overlay)
      for (std::string& line : tunnel_defects(session, *nic)) lines.push_back(std::move(line));
  return lines;
} catch (const Error& e) {
  return {e.what()};
}

[[noreturn]] void differs(const net::Owner& owner, const std::vector<std::string>& lines) {
  throw Error(Code::differs,
              "attachment " + owner.container + "/" + owner.ifname + " of network '" + owner.network +
                  "' is not as configured: " + lines.front() +
                  (lines.size() > 1 ? " (and " + std::to_string(lines.size() - 1) + " more)" : ""),
              base::join(lines, "\n"));
}

void enter_pod(Session& session, const cni::Request& request, const store::Record& record) {
  const auto cookie = session.context().enter_pod(request.netns);
  if (!cookie) differs(record.owner, {"CNI_NETNS '" + request.netns + "' is gone"});
  if (!store::is_adopted(record) && cookie != record.netns_cookie)
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
  const auto by_chain = overrides(*conf.prev_result, record);
  for (std::string& line : unguarded_macs(record, by_chain)) lines.push_back(std::move(line));
  if (record.plan.empty()) lines.emplace_back("its DEL was begun and is not finished");
  const auto defects = engine::verify(session.context(), all_steps(session, record), by_chain);
  for (const engine::Defect& defect : defects) lines.push_back(defect.text);
  for (std::string& line : defects_of_tunnels(session, conf)) lines.push_back(std::move(line));
  for (const config::NetConf* nic : config::nics(conf))
    if (const auto delegate = called(nic->ipam.delegate, request)) try {
        delegate::call(*delegate, "CHECK",
                       {owner.container, request.netns, config::name_of(*nic, owner.ifname).str(), *conf.prev_result});
      } catch (const Error& e) {
        lines.emplace_back(e.what());
      }
  if (!lines.empty()) differs(owner, lines);
}

}  // namespace trestle::app
