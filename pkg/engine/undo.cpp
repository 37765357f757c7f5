#include "engine/undo.h"

#include "base/error.h"
#include "engine/file.h"
#include "kernel/address.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "plan/plan.h"

namespace trestle::engine {

using plan::Where;

namespace {

constexpr std::size_t kTogether = 100;   // links per group message

// Ours by group, or by the alias that nobody else writes (a foreign hand may have changed the group).
bool ours(const kernel::LinkInfo& link, const plan::Veth& veth, std::uint32_t doomed) {
  return link.kind == "veth" && (link.group == veth.group || link.group == doomed || (!veth.alias.empty() && link.alias == veth.alias));
}

class Undoer {
 public:
  explicit Undoer(Context& context) : context_(context) {}

  void run(const std::vector<plan::Step>& steps) {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      // Elements wait for the links: a guard must not open while its port still forwards. Nothing that comes later may overtake them.
      if (!std::holds_alternative<plan::Elements>(*step)) settle();
      attempt(plan::describe(*step), [&] { std::visit(*this, *step); });
    }
    settle();
  }

  void collect(const std::vector<plan::Step>& steps) {
    for (auto step = steps.rbegin(); step != steps.rend(); ++step)
      if (const auto* veth = std::get_if<plan::Veth>(&*step)) {
        attempt(plan::describe(*step), [&] { doom(*veth); });
      } else {
        attempt(plan::describe(*step), [&] { std::visit(*this, *step); });
      }
  }

  void settle() {
    bury();
    if (elements_.empty()) return;
    attempt("nftables elements", [&] { kernel::remove_elements(context_.nft(), elements_); });
    elements_.clear();
  }

  std::vector<std::string> failed() && { return std::move(failed_); }

  void operator()(const plan::Sysctl&) {}     // switched on and never back, as libvirt does: others may rely on it by now
  void operator()(const plan::File& s) { remove_file(s.path, s.text); }

  void operator()(const plan::Bridge& s) {
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || link->kind != "bridge" || link->group != s.group) return;
    for (const kernel::LinkInfo& other : kernel::dump_links(context_.route()))
      if (other.master == link->index)
        throw base::Error(base::Code::teardown, "left in place: " + other.name + " is still a port of it; remove that port, then the bridge");
    kernel::Batch batch;
    kernel::delete_link(batch, link->index, s.link.str());
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Veth& s) {
    const auto link = kernel::get_link(context_.route(), s.host);
    if (!link || !ours(*link, s, context_.doomed())) return;
    kernel::Batch batch;
    kernel::delete_link(batch, link->index, s.host.str());
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Up&) {}
  void operator()(const plan::Port&) {}       // dies with the link

  void operator()(const plan::Address& s) {
    if (s.link.where == Where::pod) return;   // dies with the link
    const auto link = kernel::get_link(context_.route(), s.link.name);
    if (!link) return;
    kernel::Batch batch;
    kernel::delete_address(batch, link->index, s.cidr, plan::describe(s));
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Route& s) {
    if (s.dev.where == Where::pod) return;    // dies with the link
    const auto link = kernel::get_link(context_.route(), s.dev.name);
    if (!link) return;
    kernel::Batch batch;
    kernel::delete_route(batch, link->index, s, plan::describe(s));
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Rules& s) { kernel::remove_rules(context_.nft(), s); }
  void operator()(const plan::Elements& s) { elements_.push_back(s); }
  void operator()(const plan::Announce&) {}

 private:
  template <class F>
  void attempt(const std::string& what, F&& body) {
    try {
      body();
    } catch (const base::Error& e) {
      failed_.push_back(what + ": " + e.what());
    }
  }

  void doom(const plan::Veth& s) {
    const auto link = kernel::get_link(context_.route(), s.host);
    if (!link || !ours(*link, s, context_.doomed())) return;
    kernel::set_link(doomed_, s.host, std::nullopt, nullptr, context_.doomed(), std::nullopt);
    if (doomed_.size() >= kTogether) bury();
  }

  // The group is only set on links that are about to go: whoever kills us here leaves links that still count as ours.
  void bury() {
    if (doomed_.empty()) return;
    attempt("delete links together", [&] {
      static_cast<void>(context_.route().send(doomed_));   // a link that vanished meanwhile is what we want
      kernel::Batch batch;
      kernel::delete_group(batch, context_.doomed());
      context_.route().send_or_throw(batch);
    });
  }

  Context& context_;
  kernel::Batch doomed_;
  std::vector<plan::Elements> elements_;
  std::vector<std::string> failed_;
};

}  // namespace

std::vector<std::string> undo(Context& context, const std::vector<plan::Step>& steps) {
  Undoer undoer(context);
  undoer.run(steps);
  return std::move(undoer).failed();
}

std::vector<std::string> undo_many(Context& context, const std::vector<const std::vector<plan::Step>*>& plans) {
  Undoer undoer(context);
  for (const auto* plan : plans) undoer.collect(*plan);
  undoer.settle();
  return std::move(undoer).failed();
}

}  // namespace trestle::engine
