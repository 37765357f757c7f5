#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/attachment.h"
#include "app/heal.h"
#include "app/shared.h"
#include "app/verbs.h"
#include "base/error.h"
#include "cni/merge.h"
#include "cni/result.h"
#include "engine/apply.h"
#include "engine/undo.h"
#include "ipam/choose.h"
#include "kernel/netns.h"
#include "modes/modes.h"
#include "net/names.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

constexpr int kMaxFlushes = 4;  // during one ADD

net::Owner owner_of(const cni::Request& request, const config::NetConf& conf) {
  return {conf.name, request.container, request.ifname};
}

// The namespace is checked before anything else is done: the reference looks after it has made the veth in the host's own.
void enter_pod(Session& session, const cni::Request& request) {
  auto netns = kernel::open_netns(request.netns);
  if (!netns)
    throw Error(Code::bad_environment,
                "CNI_NETNS '" + request.netns + "' does not exist; the runtime must make the pod's namespace first");
  session.context().set_pod(std::move(*netns));
  if (session.context().pod_cookie() == session.identity().host_cookie)
    throw Error(Code::bad_environment,
                "CNI_NETNS '" + request.netns + "' is the host's own network namespace; a pod needs one of its own");
}

// Rules, guard and addresses for an interface that another plugin made come with a later release.
void refuse_chained(const cni::Request& request, const config::NetConf& conf) {
  if (!conf.prev_result) return;
  for (const cni::Interface& interface : conf.prev_result->interfaces)
    if (interface.name == request.ifname && !interface.sandbox.empty())
      throw Error(Code::unsupported_field,
                  "prevResult: \"" + request.ifname +
                      "\" was made by the plugin before; chaining onto another plugin's "
                      "interface is not supported yet: put trestle first in the list, or give it another interface");
}

// The pod's namespace went away under an ADD: the runtime need not call DEL, because nothing is left (SPEC, code 3).
bool pod_vanished(Session& session, const cni::Request& request) {
  try {
    auto netns = kernel::open_netns(request.netns);
    if (!netns) return true;
    engine::Context other(session.context().doomed(), session.context().switches());
    other.set_pod(std::move(*netns));
    return other.pod_cookie() != session.context().pod_cookie();
  } catch (const Error& e) {
    return e.code == Code::bad_environment;  // the path leads to something else; a lack of memory says nothing
  }
}

// Undoes an ADD on every way out but commit(): kernel objects, record, and the ref on the switch's part, in the order of a DEL.
class Rollback {
 public:
  Rollback(Session& session, const net::Owner& owner, Switch held)
      : session_(session), owner_(owner), switch_(std::move(held)) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() { run(); }
  void commit() noexcept { done_ = true; }
  // From here on there is a record of this ADD, and what it names is undone too.
  void reserved(const std::vector<plan::Step>& steps) { steps_ = steps; }
  const Switch& on() const { return switch_; }

  // Now, instead of at the end. True when nothing is left.
  bool run() noexcept {
    if (std::exchange(done_, true)) return true;
    std::vector<std::string> failed;
    try {
      if (steps_) failed = engine::undo(session_.context(), *steps_);
      if (failed.empty()) {
        if (steps_) session_.store().remove(owner_, false);
        static_cast<void>(session_.store().drop_stray_refs(owner_));
        std::vector<store::Lock> locks;
        locks.push_back(std::move(switch_.lock));
        failed = release_switches(session_, std::move(locks), {switch_.part});
      }
      for (const std::string& line : failed)
        session_.log().write(Log::Level::error, "rollback left something; DEL will take it away", {{"what", line}});
      return failed.empty();
    } catch (const std::exception&) {
      return false;  // DEL will take it away
    }
  }

 private:
  Session& session_;
  net::Owner owner_;
  Switch switch_;
  std::optional<std::vector<plan::Step>> steps_;
  bool done_ = false;
};

// An attachment of this owner that is whole refuses the ADD and is left alone; a left-over is undone first. Returns the parts that the
// left-over needed. The caller holds the attachment.
std::vector<store::PartRef> clear_old(Session& session, const net::Owner& owner) {
  if (!session.store().exists(owner)) return {};
  std::optional<store::Record> old;
  try {
    old = session.store().find(owner);
  } catch (const Error& e) {
    if (e.code != Code::store) throw;
  }
  std::vector<std::string> failed;
  if (!old) {
    failed = take_away_by_name(session, owner);
  } else {
    if (has_links(session, *old) &&
        (old->netns_cookie == session.context().pod_cookie() || in_its_netns(session, *old)))
      throw Error(Code::already_attached, "container " + owner.container + " has " + owner.ifname + " on network '" +
                                              owner.network + "' already; DEL it first");
    if (old->host_cookie == session.identity().host_cookie) failed = engine::undo(session.context(), old->plan);
  }
  if (!failed.empty())
    throw Error(Code::teardown, "a stale attachment of " + owner.container + "/" + owner.ifname + " cannot be removed",
                failed.front());
  session.store().remove(owner, true);
  return old ? old->parts : std::vector<store::PartRef>{};
}

std::string pod_name(const cni::Args& args) {
  const auto name = args.k8s.find("K8S_POD_NAME");
  if (name == args.k8s.end()) return "";
  const auto space = args.k8s.find("K8S_POD_NAMESPACE");
  return (space == args.k8s.end() ? std::string() : space->second + "/") + name->second;
}

struct Job {
  const cni::Request& request;
  const config::NetConf& conf;
  net::Owner owner;
};

// Reserves addresses and writes the record: from here on a DEL knows all that this ADD may make.
store::Record reserve(Session& session, const Job& job, const Switch& on, cni::Result& result) {
  const modes::Mode& mode = modes::find(job.conf.mode);
  if (job.conf.requested_mac == net::switch_mac(job.conf.bridge))
    throw Error(Code::held, "MAC " + job.conf.requested_mac->str() + " is that of switch " + job.conf.bridge.str() +
                                " itself; request another");
  const store::Reservation reservation{
      modes::segment(job.conf), ipam::match(job.conf.ipam.ranges, job.conf.requested_ips), job.conf.requested_mac};
  return session.store().commit(job.owner, reservation, [&](const std::vector<plan::LeasedIp>& ips) {
    const net::Mac mac =
        job.conf.requested_mac.value_or(ips.empty() ? net::Mac::from_hash(0x02, net::owner_hash(job.owner))
                                                    : net::pod_mac(job.conf.bridge, ips.front().cidr.ip));
    const modes::AttachmentInput in{job.conf,  on.facts,          session.settings().state_dir,
                                    job.owner, job.request.netns, {ips, mac}};
    result = modes::result(in);
    if (job.conf.prev_result) result = cni::merge(*job.conf.prev_result, result);
    cni::check_expressible(result, job.conf.cni_version);
    store::Record record;
    record.owner = job.owner;
    record.netns = job.request.netns;
    record.netns_cookie = session.context().pod_cookie();
    record.host_cookie = session.identity().host_cookie;
    record.boot = session.identity().boot;
    record.at = boottime();
    record.mode = job.conf.mode;
    record.pod = pod_name(job.request.args);
    const net::IfName nic = net::IfName::parse(job.owner.ifname);
    record.nics = {{nic, net::host_link_name(job.owner, nic), job.conf.bridge, mac}};
    for (const plan::LeasedIp& ip : ips) record.leases.push_back({reservation.segment, ip.cidr.ip});
    record.parts = {on.part};
    record.plan = mode.attachment(in);
    record.result = cni::to_json(result, cni::supported_versions().back());
    return record;
  });
}

// One try. false: somebody flushed our nftables objects; nothing of this try is left.
bool attach(Session& session, const Job& job, const Print& print, std::vector<store::PartRef>& left) {
  store::Lock attachment;  // outlives the rollback: what it undoes must not be another ADD's
  Rollback rollback(session, job.owner, hold_switch(session, job.conf, job.owner));
  attachment = session.store().locks().attachment(job.owner, session.deadline());
  if (session.store().departed_since_start(job.owner))
    throw Error(Code::try_again, "a DEL of " + job.owner.container + "/" + job.owner.ifname +
                                     " came while this ADD was waiting; it is not attached");
  for (store::PartRef& part : clear_old(session, job.owner)) left.push_back(std::move(part));
  cni::Result result;
  const store::Record record = reserve(session, job, rollback.on(), result);
  rollback.reserved(record.plan);
  try {
    if (!engine::apply_attachment(session.context(), record.plan)) return false;
    if (!session.store().exists(job.owner))
      throw Error(Code::try_again, "the record of " + job.owner.container + "/" + job.owner.ifname +
                                       " was removed during its ADD; it is not attached");
    if (!print(cni::to_json(result, job.conf.cni_version).dump()))
      throw Error(Code::io, "the result cannot be written to stdout; the attachment is undone");
  } catch (const Error& e) {
    if (rollback.run() && e.code != Code::io && pod_vanished(session, job.request))
      throw Error(Code::unknown_container,
                  "the pod's namespace '" + job.request.netns + "' went away during ADD; nothing is left of it",
                  e.what());
    throw;
  }
  rollback.commit();
  return true;
}

// The answer is out: nothing that happens here may change it.
void release_left(Session& session, const std::vector<store::PartRef>& parts) noexcept try {
  for (const std::string& line : release_switches(session, {}, parts))
    session.log().write(Log::Level::warn, "a switch that nobody needs is left; GC will take it away", {{"what", line}});
} catch (const std::exception&) {
}

}  // namespace

void add(Session& session, const cni::Request& request, const config::NetConf& conf, const Print& print) {
  refuse_chained(request, conf);
  enter_pod(session, request);
  const Job job{request, conf, owner_of(request, conf)};
  heal_some(session, job.owner);
  std::vector<store::PartRef> left;  // parts that a stale attachment of this owner needed
  for (int flushes = 0; !attach(session, job, print, left); ++flushes) {
    if (flushes == kMaxFlushes)
      throw Error(Code::kernel,
                  "nftables table trestle vanishes as fast as it is made: something on this host flushes the ruleset "
                  "all the time");
    session.log().write(Log::Level::warn, "nftables objects of ours were flushed; rebuilding them from the records");
    heal_tables(session);
  }
  release_left(session, left);
}

}  // namespace trestle::app
