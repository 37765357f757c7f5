#include "app/delegated.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/answer.h"
#include "app/attachment.h"
#include "app/heal.h"
#include "app/kin.h"
#include "app/reserve.h"
#include "app/shared.h"
#include "base/error.h"
#include "cni/merge.h"
#include "delegate/plugin.h"
#include "engine/apply.h"
#include "ipam/range.h"
#include "modes/nics.h"
#include "plan/json_text.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// A delegate tells the leases of one pod apart by the NIC's name.
delegate::Attachment attachment_of(const store::Record& record, const net::IfName& nic) {
  return {record.owner.container, record.netns, nic.str()};
}

store::Record record_of(Session& session, const Job& job, std::uint64_t at) {
  const auto record = session.store().find(job.owner);
  if (!record || (at != 0 && record->at != at))
    throw Error(Code::try_again, "the record of " + job.owner.container + "/" + job.owner.ifname +
                                     " was removed during its ADD; it is not attached");
  return *record;
}

// By the name of the NIC.
using Answers = std::map<net::IfName, cni::Result>;

// As the store gave it in the first of the two plans.
plan::LeasedIp leased(const store::LeaseRef& lease, const config::NetConf& conf) {
  for (const ipam::RangeSet& set : conf.ipam.ranges)
    if (const ipam::Range* range = ipam::range_of(set, lease.ip))
      return {{lease.ip, range->subnet.length}, range->gateway};
  throw Error(Code::bug, "address " + lease.ip.str() + " of the record is in no range of network '" + conf.name + "'");
}

plan::Lease lease_of(const store::Record& record, std::size_t nic, const config::NetConf& conf,
                     const cni::Result* answer) {
  plan::Lease lease{{}, record.nics.at(nic).mac};
  if (answer)
    for (const cni::ResultIp& ip : answer->ips) lease.ips.push_back({ip.address, gateway_of(conf, ip)});
  else
    for (const store::LeaseRef& one : record.leases)
      if (one.nic == nic) lease.ips.push_back(leased(one, conf));
  return lease;
}

config::NetConf with_answers(const config::NetConf& conf, const std::string& ifname, const Answers& answers) {
  const auto answered = [&](const config::NetConf& nic) {
    const auto answer = answers.find(config::name_of(nic, ifname));
    return answer == answers.end() ? nic : with_answer(nic, answer->second);
  };
  config::NetConf out = answered(conf);
  for (config::NetConf& nic : out.more) nic = answered(nic);
  config::place_default_routes(out);
  return out;
}

struct Answered {
  const store::Record& linked;  // as attach() left it
  const Answers& answers;
  bool again = false;
};

// What the second plan adds to the first, and its result.
struct Second {
  std::vector<plan::Step> more;
  cni::Result result;
};

Second plan_second(Session& session, const Job& job, const store::Record& record, const Ground& on,
                   const Answers& answers) {
  std::vector<modes::AttachmentInput> inputs;
  for (const config::NetConf* nic : config::nics(job.conf)) {
    const auto answer = answers.find(config::name_of(*nic, job.owner.ifname));
    inputs.push_back(
        input_of(session, job, *nic, on,
                 lease_of(record, inputs.size(), *nic, answer == answers.end() ? nullptr : &answer->second)));
  }
  Second out{modes::attachment(inputs), modes::result(inputs)};
  if (job.conf.prev_result) out.result = cni::merge(*job.conf.prev_result, out.result);
  return out;
}

// Addresses to the links that stand. false: somebody flushed our nftables objects.
bool finish(Session& session, const Job& job, const Answered& by, const Print& print) {
  config::NetConf conf = with_answers(job.conf, job.owner.ifname, by.answers);
  const store::Lock pod = session.store().locks().pod(job.owner.container, session.deadline());
  const Job whole{job.request, conf, job.owner, look_around(session, job.owner, conf)};  // others may have come
  fit_in(conf, whole.pod, job.owner.ifname);
  const Ground on(session, conf, job.owner);
  if (on.flushed()) return false;
  const store::Lock attachment = session.store().locks().attachment(job.owner, session.deadline());
  const store::Lock vm = hold_vm(session, job.conf.vm);
  store::Record record = record_of(session, job, by.linked.at);
  auto [more, result] = plan_second(session, whole, record, on, by.answers);
  cni::check_expressible(result, conf.cni_version);
  std::erase_if(more, [&](const plan::Step& step) {
    return std::find(by.linked.plan.begin(), by.linked.plan.end(), step) != by.linked.plan.end();
  });
  record.plan = by.linked.plan;
  record.plan.insert(record.plan.end(), more.begin(), more.end());
  for (const store::PartRef& part : on.parts())
    if (std::find(record.parts.begin(), record.parts.end(), part) == record.parts.end()) record.parts.push_back(part);
  record.result = cni::to_json(result, cni::supported_versions().back());
  session.store().rewrite(record);
  const auto nics = config::nics(job.conf);
  for (std::size_t i = 0; i < nics.size(); ++i)
    if (const auto answer = by.answers.find(record.nics.at(i).name); answer != by.answers.end())
      refuse_held(session, record, i, *nics[i], answer->second);
  if (by.again)
    engine::reapply_attachment(session.context(), more);
  else if (!make(session, record, more))
    return false;
  give_tables(session, whole.pod.siblings);
  if (!print(plan::json_text(cni::to_json(result, conf.cni_version))))
    throw Error(Code::io, "the result cannot be written to stdout; the attachment is undone");
  return true;
}

// A delegate that refused the ADD has given nothing, and one that cannot read its configuration refuses the DEL too: that kept the switch and
// the record for ever.
void forget_refused(Session& session, store::Record& record, const Answers& answers) {
  store::Record refused = record;
  std::erase_if(refused.delegates, [&](const store::Delegated& one) { return answers.contains(one.nic); });
  std::erase_if(record.delegates, [&](const store::Delegated& one) { return !answers.contains(one.nic); });
  for (const std::string& line : give_lease_back(refused))
    session.log().write(Log::Level::warn, "the IPAM plugin refused DEL as it had ADD", {{"why", line}});
}

// As DEL does, but that no later ADD is told to give up.
void undo(Session& session, const Job& job, store::Record linked, const Answers& answers,
          const std::vector<store::PartRef>& fresh) noexcept try {
  forget_refused(session, linked, answers);
  Held held = hold_attachment(session, job.owner);
  std::vector<std::string> failed;
  if (held.record && held.record->at == linked.at) {
    held.record->delegates = linked.delegates;
    held.fresh = fresh;
    failed = take_away(session, std::move(held), false);
  } else {  // its DEL came while the delegate was at work
    failed = give_lease_back(linked);
    const std::vector<store::PartRef> strays = session.store().drop_stray_refs(job.owner);
    for (std::string& line : release_switches(session, std::move(held.switches), strays, fresh))
      failed.push_back(std::move(line));
  }
  for (const std::string& line : failed)
    session.log().write(Log::Level::error, "rollback left something; DEL will take it away", {{"what", line}});
} catch (const std::exception&) {
  return;  // DEL will take it away
}

}  // namespace

void add_delegated(Session& session, const Job& job, const Print& print, Trail& trail, store::Lock& pod) {
  for (const config::NetConf* nic : config::nics(job.conf))
    if (const auto delegate = called(nic->ipam.delegate, job.request)) delegate::must_exist(*delegate);
  until_whole(session, [&] {
    return attach(
        session, job, [](const cni::Result&) { return true; }, trail);
  });
  const store::Record record = record_of(session, job, 0);
  pod.release();
  Answers answers;
  try {
    for (const store::Delegated& one : record.delegates)
      answers.emplace(one.nic, delegate::add(one.delegate, attachment_of(record, one.nic)));
    session.renew(kAddBudget);
    Answered by{record, answers};
    until_whole(session, [&] {
      const bool whole = finish(session, job, by, print);
      by.again = true;
      return whole;
    });
  } catch (...) {
    session.renew(kAddBudget);
    undo(session, job, record, answers, trail.fresh);
    throw;
  }
}

std::optional<plan::Delegate> called(const std::optional<plan::Delegate>& delegate, const cni::Request& request) {
  std::optional<plan::Delegate> out = delegate;
  if (!out) return out;
  out->args = request.args_text;
  out->path = request.path;
  return out;
}

namespace {

// Is it the configuration that the delegate was given, but for what each call has of its own? One that somebody mended may do what that could not.
bool same_conf(const plan::Delegate& a, const plan::Delegate& b) {
  if (a.type != b.type || a.path != b.path) return false;
  const auto own = [](const plan::Delegate& one) {
    nlohmann::json conf = nlohmann::json::parse(one.conf, nullptr, false);
    if (!conf.is_object()) return conf;
    for (const char* key : {"cniVersion", "cniVersions", "prevResult", "runtimeConfig"}) conf.erase(key);
    for (const char* key : config::kValidKeys) conf.erase(key);
    return conf;
  };
  return own(a) == own(b);
}

}  // namespace

std::vector<std::string> give_lease_back(const store::Record& record, const std::vector<store::Delegated>& present) {
  std::vector<std::string> failed;
  for (const store::Delegated& one : record.delegates) try {
      delegate::call(one.delegate, "DEL", attachment_of(record, one.nic));
    } catch (const Error& e) {
      const auto now =
          std::ranges::find_if(present, [&](const store::Delegated& other) { return other.nic == one.nic; });
      try {
        if (now == present.end() || same_conf(now->delegate, one.delegate)) throw;
        delegate::call(now->delegate, "DEL", attachment_of(record, one.nic));
      } catch (const Error&) {
        failed.emplace_back(e.what());
      }
    }
  return failed;
}

std::vector<store::Delegated> delegates_of(const config::NetConf& conf, const cni::Request& request) {
  std::vector<store::Delegated> out;
  for (const config::NetConf* nic : config::nics(conf))
    if (const auto delegate = called(nic->ipam.delegate, request))
      out.push_back({config::name_of(*nic, request.ifname), *delegate});
  return out;
}

std::vector<store::Delegated> delegates_of(const config::Minimal& conf, const cni::Request& request,
                                           const std::string& ifname) {
  std::vector<store::Delegated> out;
  for (const config::Minimal::Nic& one : conf.delegates)
    out.push_back({net::IfName::parse(one.nic.empty() ? ifname : one.nic), *called(one.delegate, request)});
  return out;
}

bool has_delegate(const config::NetConf& conf) {
  const auto nics = config::nics(conf);
  return std::any_of(nics.begin(), nics.end(),
                     [](const config::NetConf* nic) { return nic->ipam.delegate.has_value(); });
}

}  // namespace trestle::app
