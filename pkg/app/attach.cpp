#include "app/attach.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/attachment.h"
#include "app/delegated.h"
#include "app/kin.h"
#include "app/ports.h"
#include "app/shared.h"
#include "base/error.h"
#include "cni/merge.h"
#include "cni/result.h"
#include "engine/apply.h"
#include "ipam/choose.h"
#include "modes/modes.h"
#include "modes/pod_mac.h"
#include "net/names.h"
#include "plan/json_text.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// The pod's namespace went away under an ADD: the runtime need not call DEL, because nothing is left (SPEC, code 3).
bool pod_vanished(Session& session, const cni::Request& request) {
  try {
    engine::Context other(session.context().doomed(), session.context().switches());
    return other.enter_pod(request.netns) != session.context().pod_cookie();
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
  const store::Record& reserved(store::Record record) { return record_.emplace(std::move(record)); }
  const Switch& on() const { return switch_; }

  // Now, instead of at the end. True when nothing is left.
  bool run() noexcept {
    if (std::exchange(done_, true)) return true;
    std::vector<std::string> failed;
    try {
      if (record_) failed = undo_own(session_, *record_);
      if (failed.empty()) {
        if (record_) session_.store().remove(owner_, false);
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
  std::optional<store::Record> record_;
  bool done_ = false;
};

// An attachment of this owner that is whole refuses the ADD and is left alone; a left-over is undone first. Returns the parts that the
// left-over needed. The caller holds the attachment.
std::vector<store::PartRef> clear_old(Session& session, const net::Owner& owner, const std::string& netns) {
  if (!session.store().exists(owner)) return {};
  std::optional<store::Record> old;
  try {
    old = session.store().find(owner);
  } catch (const Error& e) {
    if (e.code != Code::store) throw;
  }
  std::vector<std::string> failed;
  std::optional<store::Lock> vm;  // until its record is gone
  if (!old) {
    failed = take_away_by_name(session, owner, netns);
  } else {
    if (has_links(session, *old) && is_here(session, *old))
      throw Error(Code::already_attached, "container " + owner.container + " has " + owner.ifname + " on network '" +
                                              owner.network + "' already; DEL it first");
    vm = try_hold_vm(session, old->vm);  // the caller may hold another already
    if (!vm)
      throw Error(Code::try_again, "a stale attachment of " + owner.container + "/" + owner.ifname + " is of VM " +
                                       old->vm + ", which another call works on");
    failed = give_lease_back(*old);
    for (std::string& line : undo_own(session, *old)) failed.push_back(std::move(line));
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

// Reserves addresses and writes the record: from here on a DEL knows all that this ADD may make.
store::Record reserve(Session& session, const Job& job, const Switch& on, cni::Result& result) {
  const modes::Mode& mode = modes::find(job.conf.mode);
  if (job.conf.requested_mac == net::switch_mac(job.conf.bridge))
    throw Error(Code::held, "MAC " + job.conf.requested_mac->str() + " is that of switch " + job.conf.bridge.str() +
                                " itself; request another");
  const net::IfName nic = net::IfName::parse(job.owner.ifname);
  store::Reservation reservation{
      modes::segment(job.conf),
      job.conf.chained ? std::vector<ipam::Want>{} : ipam::match(job.conf.ipam.ranges, job.conf.requested_ips),
      job.conf.chained ? std::optional<net::Mac>{} : job.conf.requested_mac, modes::vm_nic(job.conf, nic)};
  if (reservation.vm && !reservation.mac && !job.conf.chained) {
    reservation.mac = session.store().mac_of(reservation.segment, *reservation.vm);
    if (!reservation.mac) reservation.mac = modes::pod_mac(job.conf, job.owner, nic, {});
  }
  return session.store().commit(job.owner, reservation, [&](const std::vector<plan::LeasedIp>& leased, bool news) {
    const auto& chained = job.conf.chained;
    const std::vector<plan::LeasedIp>& ips = chained ? chained->ips : leased;
    const net::Mac mac =
        chained ? chained->mac : reservation.mac.value_or(modes::pod_mac(job.conf, job.owner, nic, ips));
    const modes::AttachmentInput in{job.conf,  on.facts,          session.settings().state_dir,
                                    job.owner, job.request.netns, {ips, mac, news || chained}};
    result = modes::result(in);
    if (job.conf.prev_result) result = cni::merge(*job.conf.prev_result, result);
    if (!job.conf.ipam.delegate) cni::check_expressible(result, job.conf.cni_version);  // else it has no address yet
    store::Record record;
    record.owner = job.owner;
    record.netns = job.request.netns;
    record.netns_cookie = session.context().pod_cookie();
    record.host_cookie = session.identity().host_cookie;
    record.boot = session.identity().boot;
    record.at = boottime();
    record.mode = job.conf.mode;
    record.pod = pod_name(job.request.args);
    record.nics = {{nic, chained ? chained->host_link : net::host_link_name(job.owner, nic), job.conf.bridge, mac}};
    for (const plan::LeasedIp& ip : leased) record.leases.push_back({reservation.segment, ip.cidr.ip});
    record.parts = {on.part};
    record.plan = mode.attachment(in);
    record.result = cni::to_json(result, cni::supported_versions().back());
    record.delegate = called(job.conf.ipam.delegate, job.request);
    return record;
  });
}

// Frees a port of the host that a pod holds which is gone already; else says whose it is. `e`: what the kernel's answer came to.
void free_port(Session& session, const store::Record& mine, const Error& e) {
  const auto holder = port_holder(session, mine);
  if (!holder) throw e;
  auto held = alive(session, *holder) ? std::nullopt : try_hold_attachment(session, holder->owner);
  if (held && held->record && held->record->at == holder->at && take_away(session, std::move(*held), true).empty())
    return;
  throw Error(Code::held, std::string(e.what()) + "; it is of container " + holder->owner.container + "/" +
                              holder->owner.ifname + " of network '" + holder->owner.network +
                              "': take another hostPort, or DEL that one");
}

}  // namespace

bool make(Session& session, const store::Record& record, const std::vector<plan::Step>& steps) {
  try {
    return engine::apply_attachment(session.context(), steps);
  } catch (const Error& e) {
    if (e.code != Code::held) throw;
    free_port(session, record, e);
    return engine::apply_attachment(session.context(), steps);
  }
}

bool attach(Session& session, const Job& job, const Print& print, std::vector<store::PartRef>& left) {
  store::Lock attachment, vm;  // outlive the rollback: what it undoes must not be another ADD's
  Rollback rollback(session, job.owner, hold_switch(session, job.conf, job.owner));
  attachment = session.store().locks().attachment(job.owner, session.deadline());
  vm = hold_vm(session, job.conf.vm);
  if (session.store().departed_since_start(job.owner))
    throw Error(Code::try_again, "a DEL of " + job.owner.container + "/" + job.owner.ifname +
                                     " came while this ADD was waiting; it is not attached");
  for (store::PartRef& part : clear_old(session, job.owner, job.request.netns)) left.push_back(std::move(part));
  cni::Result result;
  const store::Record& record = rollback.reserved(reserve(session, job, rollback.on(), result));
  try {
    if (!make(session, record, record.plan)) return false;
    for (const std::string& note : session.context().take_notes()) session.log().write(Log::Level::warn, note);
    if (!session.store().exists(job.owner))
      throw Error(Code::try_again, "the record of " + job.owner.container + "/" + job.owner.ifname +
                                       " was removed during its ADD; it is not attached");
    if (!print(plan::json_text(cni::to_json(result, job.conf.cni_version))))
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

}  // namespace trestle::app
