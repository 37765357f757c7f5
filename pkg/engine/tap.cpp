#include "engine/tap.h"

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "kernel/tc.h"
#include "kernel/tun.h"
#include "plan/plan.h"

namespace trestle::engine {

using base::Code;
using base::Error;
using plan::LinkRef;
using plan::Where;

namespace {

LinkRef in_pod(const net::IfName& name) { return {Where::pod, name}; }

std::string number(const std::optional<std::uint32_t>& id) { return id ? std::to_string(*id) : "nobody"; }

// What the opener meets: these cannot be changed while a hypervisor has the TAP open.
std::vector<std::string> misfits(const plan::Tap& step, const kernel::TunInfo& found) {
  std::vector<std::string> wrong;
  if (found.owner != step.owner) wrong.push_back("owner is " + number(found.owner) + ", not " + number(step.owner));
  if (found.group != step.group) wrong.push_back("group is " + number(found.group) + ", not " + number(step.group));
  if (found.multi_queue != step.multi_queue)
    wrong.emplace_back(found.multi_queue ? "is multi-queue" : "is not multi-queue");
  if (!found.persistent) wrong.emplace_back("is not persistent");
  return wrong;
}

void set_link(kernel::Batch& batch, const plan::Tap& step) {
  kernel::set_link(batch, step.link, step.mtu, &step.mac, std::nullopt, step.alias);
}

void make_new(Context& context, const plan::Tap& step) {
  kernel::NewTap tap(step, context.pod_fd(), context.home());
  kernel::Batch batch;
  set_link(batch, step);
  context.pod_route().send_or_throw(batch);
  tap.keep();  // not before it has the alias: whoever kills us leaves a TAP that is known as ours, or none
  if (!tap.unlabelled().empty())
    context.note("pod:" + step.link.str() + ": the TAP is without the label " + base::printable(step.label, 80) + ": " +
                 tap.unlabelled());
}

// One of ours is there: of an ADD whose record was lost, or it is mended.
void remake(Context& context, const plan::Tap& step, const kernel::LinkInfo& there) {
  const auto wrong = misfits(step, *there.tun);
  kernel::Batch batch;
  if (wrong.empty()) {
    set_link(batch, step);
    return context.pod_route().send_or_throw(batch);
  }
  if (there.in_use())
    throw Error(Code::held, "a hypervisor has it open (" + base::join(wrong, ", ") +
                                "); stop the virtual machine, then 'trestle repair', or DEL and ADD it");
  kernel::delete_link(batch, there.index, step.link.str());
  context.pod_route().send_or_throw(batch);
  make_new(context, step);
}

[[noreturn]] void refuse_redirect(Context& context, const plan::Redirect& step, const kernel::Refusal& refusal) {
  for (const net::IfName& name : {step.a, step.b}) {
    const auto found = kernel::get_qdisc(context.pod_route(), context.index(in_pod(name)), kernel::Side::ingress);
    if (found && found->kind != "ingress")
      throw Error(Code::held, "pod:" + name.str() + ": its ingress qdisc is '" + found->str() +
                                  "', which is not ours and so not replaced; remove it (tc qdisc del)");
  }
  if (refusal.err == ENOENT || refusal.err == EOPNOTSUPP)
    throw Error(Code::kernel_lacks, refusal.label +
                                        ": this kernel lacks it; a TAP needs the modules sch_ingress, cls_u32 and "
                                        "act_mirred");
  kernel::refuse(refusal);
}

// Another's filter, Kata's for one, would take the frames before ours, or lose them to ours.
void refuse_filters(Context& context, const net::IfName& name) {
  const std::uint32_t index = context.index(in_pod(name));
  if (kernel::has_ingress_filter(context.pod_route(), index) && !kernel::redirected_to(context.pod_route(), index))
    throw Error(Code::held, "pod:" + name.str() +
                                ": somebody else's filter (tc) takes what comes in there already; remove it, or attach "
                                "the virtual machine by that one");
}

}  // namespace

std::optional<kernel::LinkInfo> find_tap(Context& context, const plan::Tap& step) {
  auto link = kernel::get_link(context.pod_route(), step.link);
  if (!link || !link->tun || !link->tun->tap || link->alias != step.alias.substr(0, kernel::kAliasMax))
    return std::nullopt;
  return link;
}

void make(Context& context, const plan::Tap& step) {
  base::in_context(plan::describe(step), [&] {
    context.forget(in_pod(step.link));
    try {
      return make_new(context, step);
    } catch (const Error& e) {
      if (e.code != Code::held) throw;
      const auto there = find_tap(context, step);
      if (!there) throw;
      return remake(context, step, *there);
    }
  });
}

void make(Context& context, const plan::Redirect& step) {
  base::in_context(plan::describe(step), [&] {
    const std::uint32_t a = context.index(in_pod(step.a)), b = context.index(in_pod(step.b));
    refuse_filters(context, step.a);
    kernel::Batch batch;
    kernel::redirect_ingress(batch, a, step.a, b);
    kernel::redirect_ingress(batch, b, step.b, a);
    for (const kernel::Refusal& refusal : context.pod_route().send(batch)) refuse_redirect(context, step, refusal);
  });
}

std::optional<std::string> defect_of(const plan::Tap& step, const kernel::LinkInfo& link) {
  std::vector<std::string> wrong = misfits(step, *link.tun);
  if (link.mtu != step.mtu) wrong.push_back("MTU is " + std::to_string(link.mtu) + ", not " + std::to_string(step.mtu));
  if (wrong.empty()) return std::nullopt;
  return base::join(wrong, "; ");
}

std::optional<std::string> defect_of(Context& context, const plan::Redirect& step) {
  const std::uint32_t a = context.index(in_pod(step.a)), b = context.index(in_pod(step.b));
  std::vector<std::string> wrong;
  const auto look = [&](const net::IfName& from, std::uint32_t from_index, const net::IfName& to,
                        std::uint32_t to_index) {
    if (const auto other = kernel::filter_before_ours(context.pod_route(), from_index))
      wrong.push_back("somebody else's filter (tc: " + *other + ") takes what comes in by " + from.str() +
                      " before ours; remove it: tc filter del dev " + from.str() + " ingress " +
                      other->substr(other->find("pref")));
    const auto found = kernel::redirected_to(context.pod_route(), from_index);
    if (found == to_index) return;
    wrong.push_back("what comes in by " + from.str() +
                    (found ? " goes elsewhere than to " : " is not led any more to ") + to.str());
  };
  look(step.a, a, step.b, b);
  look(step.b, b, step.a, a);
  if (wrong.empty()) return std::nullopt;
  return base::join(wrong, "; ");
}

void take_away(Context& context, const plan::Redirect& step) {
  for (const net::IfName& name : {step.b, step.a})
    if (const auto link = kernel::get_link(context.pod_route(), name))
      kernel::clear_redirect(context.pod_route(), link->index, name);
}

void DyingTap::add(Context& context, const plan::Tap& step) {
  if (find_tap(context, step))
    kernel::set_link(batch_, step.link, std::nullopt, nullptr, context.doomed(), std::nullopt);
}

bool DyingTap::takes_pair(Context& context, const kernel::LinkInfo& host_end) {
  if (batch_.empty()) return false;
  const auto end = kernel::get_link(context.pod_route(), host_end.peer);  // KubeVirt renames it
  if (!end || end->kind != "veth" || end->peer != host_end.index) return false;
  kernel::set_link(batch_, net::IfName::parse(end->name), std::nullopt, nullptr, context.doomed(), std::nullopt);
  return true;
}

void DyingTap::bury(Context& context) {
  if (batch_.empty()) return;
  static_cast<void>(context.pod_route().send(batch_));  // what vanished meanwhile is as we want it
  kernel::Batch batch;
  kernel::delete_group(batch, context.doomed());
  context.pod_route().send_or_throw(batch);
}

}  // namespace trestle::engine
