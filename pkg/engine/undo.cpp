#include "engine/undo.h"

#include <map>

#include "base/error.h"
#include "engine/file.h"
#include "engine/publish.h"
#include "engine/shape.h"
#include "engine/uplink.h"
#include "kernel/address.h"
#include "kernel/neighbour.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "kernel/vlan.h"
#include "plan/plan.h"

namespace trestle::engine {

using plan::Where;

namespace {

constexpr std::size_t kTogether = 100;  // links per group message

// Ours by group, or by the alias that nobody else writes (a foreign hand may have changed the group).
bool ours(const kernel::LinkInfo& link, const plan::Veth& veth, std::uint32_t doomed) {
  return link.kind == "veth" &&
         (link.group == veth.group || link.group == doomed || (!veth.alias.empty() && link.alias == veth.alias));
}

class Undoer {
 public:
  explicit Undoer(Context& context) : context_(context) {}

  void run(const std::vector<const std::vector<plan::Step>*>& plans) {
    // First the ports fall silent, then their guard goes, and only then the links. The other way round costs a second wait: removing
    // elements leaves work behind that needs an RCU grace period, and closing the socket waits for it (nft_rcv_nl_event in
    // net/netfilter/nf_tables_api.c), unless the deletion of the link has waited that long already.
    for (const auto* steps : plans) silence(*steps);
    attempt("silence ports", [&] { static_cast<void>(context_.route().send(batch_)); });
    for (const auto* steps : plans) collect_elements(*steps);
    if (!elements_.empty()) attempt("nftables elements", [&] { kernel::remove_elements(context_.nft(), elements_); });
    together_ = plans.size() > 1;
    for (const auto* steps : plans)
      for (auto step = steps->rbegin(); step != steps->rend(); ++step)
        attempt(plan::describe(*step), [&] { std::visit(*this, *step); });
    bury();
  }

  std::vector<std::string> failed() && { return std::move(failed_); }

  void operator()(const plan::Sysctl&) {}  // switched on and never back, as libvirt does: others may rely on it by now
  void operator()(const plan::File& s) { remove_file(s.path, s.text); }

  void operator()(const plan::Bridge& s) {
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || link->kind != "bridge") return;
    if (link->group != s.group)
      return context_.note("bridge " + s.link.str() + " is left in place: its group is not ours any more");
    const auto ports = kernel::dump_links(context_.route(), link->index);
    if (!ports.empty())
      return context_.note("bridge " + s.link.str() + " is left in place: " + ports.front().name + " is a port of it");
    kernel::Batch batch;
    kernel::delete_link(batch, link->index, s.link.str());
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Veth& s) {
    const auto link = links_.find(s.host);
    if (link == links_.end()) return;
    kernel::Batch batch;
    if (!together_) {
      kernel::delete_link(batch, link->second, s.host.str());
      return context_.route().send_or_throw(batch);
    }
    kernel::set_link(batch_, s.host, std::nullopt, nullptr, context_.doomed(), std::nullopt);
    if (batch_.size() >= kTogether) bury();
  }

  void operator()(const plan::Up&) {}
  void operator()(const plan::Port&) {}  // dies with the link

  void operator()(const plan::Address& s) {
    if (s.link.where == Where::pod) return;  // dies with the link
    const auto link = kernel::get_link(context_.route(), s.link.name);
    if (!link || link->group != context_.switches()) return;  // a refused ADD once took a foreign bridge's address away
    kernel::Batch batch;
    kernel::delete_address(batch, link->index, s.cidr, plan::describe(s));
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Route& s) {
    if (s.dev.where == Where::pod) return;  // dies with the link
    const auto link = kernel::get_link(context_.route(), s.dev.name);
    if (!link || link->group != context_.switches()) return;
    kernel::Batch batch;
    kernel::delete_route(batch, link->index, s, plan::describe(s));
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Rules& s) { kernel::remove_rules(context_.nft(), s); }
  void operator()(const plan::Elements&) {}  // gone by now
  void operator()(const plan::Announce&) {}
  void operator()(const plan::Fdb&) {}            // dies with its port
  void operator()(const plan::TakeAddresses&) {}  // what was taken stays until `trestle uplink release`
  void operator()(const plan::Bond& s) { take_away(context_, s); }
  void operator()(const plan::Uplink& s) { take_away(context_, s); }
  void operator()(const plan::Publish& s) { take_away(context_, s); }
  void operator()(const plan::Shape& s) { take_away(context_, s); }

  void operator()(const plan::Vlans& s) {
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link) return;
    kernel::Batch batch;
    kernel::delete_vlans(batch, link->index, s);
    if (!batch.empty()) context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Neighbour& s) {
    if (s.link.where == Where::pod) return;  // dies with the link
    const auto link = kernel::get_link(context_.route(), s.link.name);
    if (!link) return;
    kernel::Batch batch;
    kernel::delete_neighbour(batch, link->index, s);
    context_.route().send_or_throw(batch);
  }

 private:
  template <class F>
  void attempt(const std::string& what, F&& body) {
    try {
      body();
    } catch (const base::Error& e) {
      failed_.push_back(what + ": " + e.what());
    }
  }

  void silence(const std::vector<plan::Step>& steps) {
    for (const plan::Step& step : steps) {
      const auto* veth = std::get_if<plan::Veth>(&step);
      if (!veth) continue;
      attempt(plan::describe(step), [&] {
        const auto link = kernel::get_link(context_.route(), veth->host);
        if (!link || !ours(*link, *veth, context_.doomed())) return;
        links_.emplace(veth->host, link->index);
        kernel::silence_port(batch_, veth->host);
      });
    }
  }

  void collect_elements(const std::vector<plan::Step>& steps) {
    for (const plan::Step& step : steps)
      if (const auto* elements = std::get_if<plan::Elements>(&step)) elements_.push_back(*elements);
  }

  // The group is only set on links that are about to go: whoever kills us here leaves links that still count as ours.
  void bury() {
    if (batch_.empty()) return;
    attempt("delete links together", [&] {
      static_cast<void>(context_.route().send(batch_));  // a link that vanished meanwhile is what we want
      kernel::Batch batch;
      kernel::delete_group(batch, context_.doomed());
      context_.route().send_or_throw(batch);
    });
  }

  Context& context_;
  bool together_ = false;  // links go by group messages
  kernel::Batch batch_;
  std::map<net::IfName, std::uint32_t> links_;  // ours, that are there
  std::vector<plan::Elements> elements_;
  std::vector<std::string> failed_;
};

}  // namespace

std::vector<std::string> undo(Context& context, const std::vector<plan::Step>& steps) {
  return undo_many(context, {&steps});
}

std::vector<std::string> undo_many(Context& context, const std::vector<const std::vector<plan::Step>*>& plans) {
  Undoer undoer(context);
  undoer.run(plans);
  return std::move(undoer).failed();
}

}  // namespace trestle::engine
