#include "app/reserve.h"

#include <nlohmann/json.hpp>

#include "app/delegated.h"
#include "app/here.h"
#include "base/error.h"
#include "cni/merge.h"
#include "cni/result.h"
#include "ipam/choose.h"
#include "kernel/link.h"
#include "kernel/neighbour.h"
#include "kernel/route.h"
#include "modes/nics.h"
#include "modes/pod_mac.h"
#include "net/names.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

std::string pod_name(const cni::Args& args) {
  const auto name = args.k8s.find("K8S_POD_NAME");
  if (name == args.k8s.end()) return "";
  const auto space = args.k8s.find("K8S_POD_NAMESPACE");
  return (space == args.k8s.end() ? std::string() : space->second + "/") + name->second;
}

// On a LAN the switch has its uplink's MAC, or is the operator's own bridge: a pod that asked for it took the host off the LAN, and one that asked
// for the router's took the router away from everybody on the switch.
void refuse_mac_of_switch(Session& session, const config::NetConf& conf) {
  if (!conf.requested_mac) return;
  const auto refuse = [&](const std::string& whose) {
    throw Error(Code::held, "MAC " + conf.requested_mac->str() + " is that of " + whose + "; request another");
  };
  if (conf.requested_mac == net::switch_mac(conf.bridge)) refuse("switch " + conf.bridge.str());
  std::vector<net::IfName> links = {conf.bridge};
  if (conf.uplink) links.insert(links.end(), conf.uplink->links.begin(), conf.uplink->links.end());
  for (const net::IfName& name : links)
    if (const auto link = kernel::get_link(session.context().route(), name); link && link->mac == conf.requested_mac)
      refuse((name == conf.bridge ? "switch " : "uplink ") + name.str());
  if (conf.mode != "bridge") return;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    kernel::Socket& host = session.context().route();
    const auto router = kernel::router(host, family);
    const auto link = router ? kernel::way_out(host, family) : std::nullopt;
    if (link && kernel::is_at(host, *link, *router, *conf.requested_mac)) refuse("the LAN's router " + router->str());
  }
}

// What was asked for is the asker's affair, and a VM's place in the pool is its own on every node.
void refuse_undivided(const config::NetConf& conf, const store::Reservation& wanted) {
  if (wanted.vm) return;
  for (const ipam::Want& want : wanted.wants)
    if (const auto why = want.wanted ? std::nullopt : undivided(conf, *want.set)) throw Error(Code::bad_config, *why);
}

store::Reservation reservation_of(Session& session, const Job& job, const config::NetConf& conf) {
  if (!conf.chained) refuse_mac_of_switch(session, conf);
  const net::IfName nic = config::name_of(conf, job.owner.ifname);
  store::Reservation out{modes::segment(conf),
                         conf.chained || conf.ipam.delegate  // a delegate is asked as we were, and gives what it gives
                             ? std::vector<ipam::Want>{}
                             : ipam::match(conf.ipam.ranges, conf.requested_ips),
                         conf.chained ? std::optional<net::Mac>{} : conf.requested_mac, modes::vm_nic(conf, nic)};
  if (out.vm && !out.mac && !conf.chained) {
    out.mac = session.store().mac_of(out.segment, *out.vm);
    if (!out.mac) out.mac = modes::pod_mac(conf, job.owner, nic, {});
  }
  refuse_undivided(conf, out);
  return out;
}

plan::Lease lease_of(const Job& job, const config::NetConf& conf, const store::Reservation& reservation,
                     const store::Store::Got& got) {
  if (conf.chained) return {conf.chained->ips, conf.chained->mac};
  const net::IfName nic = config::name_of(conf, job.owner.ifname);
  return {got.ips, reservation.mac.value_or(modes::pod_mac(conf, job.owner, nic, got.ips)), got.news, got.further_news};
}

store::Record begin(Session& session, const Job& job) {
  store::Record record;
  record.owner = job.owner;
  record.netns = job.request.netns;
  record.netns_cookie = session.context().pod_cookie();
  record.host_cookie = session.identity().host_cookie;
  record.boot = session.identity().boot;
  record.at = boottime();
  record.mode = job.conf.mode;
  record.pod = pod_name(job.request.args);
  return record;
}

}  // namespace

modes::AttachmentInput input_of(Session& session, const Job& job, const config::NetConf& nic, const Ground& on,
                                plan::Lease lease) {
  modes::AttachmentInput in{nic,       on.facts(nic),     session.settings().state_dir,
                            job.owner, job.request.netns, std::move(lease)};
  if (!nic.tap)  // a guest has its own
    for (const WayOut& way : job.pod.ways_out) in.pod_default.push_back(way.family);
  return in;
}

store::Record reserve(Session& session, const Job& job, const Ground& on, cni::Result& result) {
  const std::vector<const config::NetConf*> nics = config::nics(job.conf);
  std::vector<store::Reservation> reservations;
  for (const config::NetConf* nic : nics)
    reservations.push_back(config::in_nic(job.conf, *nic, [&] { return reservation_of(session, job, *nic); }));
  return session.store().commit_all(job.owner, reservations, [&](const store::Store::Leased& leased) {
    store::Record record = begin(session, job);
    std::vector<modes::AttachmentInput> inputs;
    for (std::size_t i = 0; i < nics.size(); ++i) {
      const config::NetConf& nic = *nics[i];
      const auto& in =
          inputs.emplace_back(input_of(session, job, nic, on, lease_of(job, nic, reservations[i], leased[i])));
      const net::IfName name = in.nic();
      record.nics.push_back({name,
                             nic.chained ? nic.chained->host_link : net::host_link_name(job.owner, name),
                             nic.bridge,
                             in.lease.mac,
                             {},
                             nic.source_routing != false});
      if (const auto delegate = called(nic.ipam.delegate, job.request)) record.delegates.push_back({name, *delegate});
    }
    result = modes::result(inputs);
    if (job.conf.prev_result) result = cni::merge(*job.conf.prev_result, result);
    // A delegate's addresses are not there yet.
    if (record.delegates.empty()) cni::check_expressible(result, job.conf.cni_version);
    record.parts = on.parts();
    record.plan = modes::attachment(inputs);
    // Which NIC has which of the pod's routes is known when all delegates have answered; then they come.
    if (!record.delegates.empty() && nics.size() > 1)
      std::erase_if(record.plan, [](const plan::Step& step) { return std::holds_alternative<plan::Route>(step); });
    record.result = cni::to_json(result, cni::supported_versions().back());
    return record;
  });
}

}  // namespace trestle::app
