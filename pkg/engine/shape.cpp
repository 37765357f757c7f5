#include "engine/shape.h"

#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "kernel/link.h"
#include "kernel/tc.h"
#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::engine {

using base::Code;
using base::Error;
using kernel::Side;
using plan::LinkRef;
using plan::Where;

namespace {

LinkRef on_host(const net::IfName& name) { return {Where::host, name}; }

// By group, or by the alias that nobody else writes (a foreign hand may have changed the group).
bool ours(const kernel::LinkInfo& link, const plan::Shape& step, std::uint32_t doomed) {
  return link.kind == "ifb" &&
         (link.group == step.group || link.group == doomed || (!step.alias.empty() && link.alias == step.alias));
}

// The ifb is there when it returns, whoever made it of us; its index.
std::uint32_t make_ifb(Context& context, const plan::Shape& step) {
  kernel::Batch batch;
  kernel::add_ifb(batch, step);
  for (const kernel::Refusal& refusal : context.route().send(batch)) {
    if (refusal.err != EEXIST) kernel::refuse_tc(refusal);
    const auto there = kernel::get_link(context.route(), step.ifb);
    if (there && !ours(*there, step, context.doomed()))
      throw Error(Code::held,
                  plan::text(on_host(step.ifb)) + ": a link of this name is there already and is not ours; remove it");
  }
  context.forget(on_host(step.ifb));
  return context.index(on_host(step.ifb));
}

[[noreturn]] void refuse_shape(Context& context, const plan::Shape& step, const kernel::Refusal& refusal) {
  const auto look = [&](const net::IfName& name, Side side) {
    const auto link = kernel::get_link(context.route(), name);
    const auto found = link ? kernel::get_qdisc(context.route(), link->index, side) : std::nullopt;
    if (!found || (side == Side::root ? found->bucket.has_value() : found->kind == "ingress")) return;
    throw Error(Code::held, plan::text(on_host(name)) + ": its " + (side == Side::root ? "root" : "ingress") +
                                " qdisc is '" + found->str() +
                                "', which is not ours and so not replaced; remove it (tc qdisc del), or ask for no "
                                "bandwidth");
  };
  if (refusal.err == EEXIST || refusal.err == EINVAL) {
    look(step.link, Side::root);
    look(step.link, Side::ingress);
    look(step.ifb, Side::root);
  }
  kernel::refuse_tc(refusal);
}

std::optional<std::string> bucket_defect(Context& context, const net::IfName& name, std::uint32_t index,
                                         const kernel::Bucket& wanted) {
  const auto found = kernel::get_qdisc(context.route(), index, Side::root);
  if (!found) return "the limit of " + name.str() + " is gone";
  if (!found->bucket) return "the root qdisc of " + name.str() + " is '" + found->str() + "', not ours";
  if (kernel::holds(*found->bucket, wanted)) return std::nullopt;
  const auto numbers = [](const kernel::Bucket& bucket) {
    return std::to_string(bucket.rate) + " byte/s, burst " + std::to_string(bucket.burst) + " byte, limit " +
           std::to_string(bucket.limit) + " byte";
  };
  return "the limit of " + name.str() + " is " + numbers(*found->bucket) + ", not " + numbers(wanted);
}

}  // namespace

void make(Context& context, const plan::Shape& step) {
  base::in_context(plan::describe(step), [&] {
    const std::uint32_t link = context.index(on_host(step.link));
    const std::uint32_t ifb = step.egress.rate ? make_ifb(context, step) : 0;
    kernel::Batch batch;
    if (step.ingress.rate) kernel::set_bucket(batch, link, step.link, kernel::bucket_of(step.ingress, step.mtu));
    if (ifb != 0) {
      kernel::dress_ifb(batch, step);
      kernel::set_bucket(batch, ifb, step.ifb, kernel::bucket_of(step.egress, step.mtu));
      kernel::set_up(batch, step.ifb);
      kernel::redirect_ingress(batch, link, step.link, ifb);
    }
    for (const kernel::Refusal& refusal : context.route().send(batch)) refuse_shape(context, step, refusal);
  });
}

std::optional<std::string> defect_of(Context& context, const plan::Shape& step) {
  std::vector<std::string> wrong;
  const auto note = [&](std::optional<std::string> defect) {
    if (defect) wrong.push_back(std::move(*defect));
  };
  const std::uint32_t link = context.index(on_host(step.link));
  if (step.ingress.rate) note(bucket_defect(context, step.link, link, kernel::bucket_of(step.ingress, step.mtu)));
  if (step.egress.rate) {
    const auto ifb = kernel::get_link(context.route(), step.ifb);
    const auto to = kernel::redirected_to(context.route(), link);
    if (!ifb || ifb->kind != "ifb") {
      wrong.push_back(step.ifb.str() + " is gone");
    } else {
      if (!ifb->up()) wrong.push_back(step.ifb.str() + " is down");
      note(bucket_defect(context, step.ifb, ifb->index, kernel::bucket_of(step.egress, step.mtu)));
      if (const auto other = kernel::filter_before_ours(context.route(), link))
        wrong.push_back("somebody else's filter (tc: " + *other + ") takes what comes in by " + step.link.str() +
                        " before ours; remove it: tc filter del dev " + step.link.str() + " ingress " +
                        other->substr(other->find("pref")));
      if (to != ifb->index)
        wrong.push_back(to ? "what comes in by " + step.link.str() + " goes elsewhere than to " + step.ifb.str()
                           : "the redirect to " + step.ifb.str() + " is gone");
    }
  }
  if (wrong.empty()) return std::nullopt;
  return base::join(wrong, "; ");
}

void clear(Context& context, const plan::Shape& step) {
  if (const auto link = kernel::get_link(context.route(), step.link))
    kernel::clear_limits(context.route(), link->index, step.link);
}

std::optional<net::IfName> link_to_take_away(Context& context, const plan::Shape& step) {
  if (step.egress.rate == 0) return std::nullopt;
  const auto ifb = kernel::get_link(context.route(), step.ifb);
  if (!ifb || !ours(*ifb, step, context.doomed())) return std::nullopt;
  return step.ifb;
}

}  // namespace trestle::engine
