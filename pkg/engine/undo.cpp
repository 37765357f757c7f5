#include "engine/undo.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/error.h"
#include "engine/file.h"
#include "engine/publish.h"
#include "engine/service.h"
#include "engine/shape.h"
#include "engine/tap.h"
#include "engine/uplink.h"
#include "engine/vlans.h"
#include "engine/vxlan.h"
#include "kernel/address.h"
#include "kernel/fdb.h"
#include "kernel/neighbour.h"
#include "kernel/nexthop.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "kernel/rule.h"
#include "kernel/sysctl.h"
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

bool makes_pair(const plan::Step& step) { return std::holds_alternative<plan::Veth>(step); }

class Undoer {
 public:
  Undoer(Context& context, std::vector<net::IfName>* switches) : context_(context), switches_(switches) {}

  void run(const std::vector<const std::vector<plan::Step>*>& plans) {
    // Before anything else: whoever comes by a port of the host must not be led to a pod that is half gone, and maybe to the next one that
    // gets its address.
    plan::Publish published;
    for (const auto* steps : plans) collect_ports(*steps, published);
    if (!published.mappings.empty()) attempt("published ports", [&] { take_away(context_, published); });
    // Then the ports fall silent, then their guard goes, and only then the links. The other way round costs a second wait: removing
    // elements leaves work behind that needs an RCU grace period, and closing the socket waits for it (nft_rcv_nl_event in
    // net/netfilter/nf_tables_api.c), unless the deletion of the link has waited that long already.
    for (const auto* steps : plans) silence(*steps);
    attempt("silence ports", [&] { static_cast<void>(context_.route().send(batch_)); });
    for (const auto* steps : plans)
      for (const plan::Step& step : *steps)
        if (const auto* elements = std::get_if<plan::Elements>(&step)) elements_.push_back(*elements);
    if (!elements_.empty()) attempt("nftables elements", [&] { kernel::remove_elements(context_.nft(), elements_); });
    together_ = plans.size() > 1 || std::any_of(plans.begin(), plans.end(), has_two_links);
    for (const auto* steps : plans) {
      owns_pair_ = std::any_of(steps->begin(), steps->end(), makes_pair);
      if (owns_pair_ && context_.has_pod()) collect_taps(*steps);
      for (auto step = steps->rbegin(); step != steps->rend(); ++step)
        attempt(plan::describe(*step), [&] { std::visit(*this, *step); });
      attempt("delete links in the pod", [&] { dying_.bury(context_); });
    }
    bury();
  }
  std::vector<std::string> failed() && { return std::move(failed_); }

  // Without `was` switched on and never back, as libvirt does: others may rely on it by now.
  void operator()(const plan::Sysctl& s) {
    const bool stands = s.was && s.where == Where::host && kernel::read_sysctl(s.key) == s.value;
    if (stands) kernel::ensure_sysctl(s.key, *s.was, false);
  }
  void operator()(const plan::File& s) { remove_file(s.path, s.text); }

  void operator()(const plan::Bridge& s) {
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || link->kind != "bridge") return;
    if (!is_switch_of_ours(context_, *link))
      return context_.note("bridge " + s.link.str() + " is left in place: its group is not ours any more");
    const auto ports = kernel::dump_links(context_.route(), link->index);
    if (!ports.empty())
      return context_.note("bridge " + s.link.str() + " is left in place: " + ports.front().name + " is a port of it");
    if (switches_ != nullptr) return switches_->push_back(s.link);
    kernel::Batch batch;
    kernel::delete_link(batch, link->index, s.link.str());
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Veth& s) {
    const auto link = links_.find(s.host);
    if (link == links_.end()) return;
    kernel::Batch batch;
    if (dying_.takes_pair(context_, link->second)) return;
    if (together_) return doom(net::IfName::parse(link->second.name));
    kernel::delete_link(batch, link->second.index, s.host.str());
    context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Up&) {}
  void operator()(const plan::Port& s) {
    if (owns_pair_) return;  // dies with the link
    kernel::Batch batch;
    kernel::free_port(batch, s.link, s.was.value_or(plan::PortFlags{}));
    context_.route().send_or_throw(batch);
  }

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

  void operator()(const plan::Rule& s) {
    if (s.where == Where::pod && !context_.has_pod()) return;  // dies with its namespace
    kernel::Batch batch;
    kernel::delete_rule(batch, s);
    context_.socket(s.where).send_or_throw(batch);
  }

  void operator()(const plan::Rules& s) { kernel::remove_rules(context_.nft(), s); }
  void operator()(const plan::Elements&) {}  // gone by now
  void operator()(const plan::Announce&) {}
  void operator()(const plan::Fdb& s) {
    if (owns_pair_) return;  // dies with its port
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || link->port_kind != "bridge") return;
    kernel::Batch batch;
    kernel::delete_fdb(batch, link->index, s);
    context_.route().send_or_throw(batch);
  }
  void operator()(const plan::TakeAddresses&) {}  // what was taken stays until `trestle uplink release`
  void operator()(const plan::Nexthop& s) {
    const auto link = kernel::get_link(context_.route(), s.dev);
    if (!link || !kernel::has_nexthop(context_.route(), link->index, s)) return;
    kernel::Batch batch;
    kernel::delete_nexthop(batch, s.id, plan::describe(s));
    context_.route().send_or_throw(batch);
  }
  void operator()(const plan::Vxlan& s) { take_away(context_, s); }
  void operator()(const plan::Bond& s) { take_away(context_, s); }
  void operator()(const plan::Uplink& s) { take_away(context_, s); }
  void operator()(const plan::Publish&) {}  // gone by now
  void operator()(const plan::Shape& s) {
    if (!owns_pair_) clear(context_, s);
    if (s.egress.rate == 0) return;
    if (const auto link = link_to_take_away(context_, s))
      doom(*link);
    else if (const auto renamed = find_renamed("ifb", s.group, s.alias))
      doom(net::IfName::parse(renamed->name));
  }

  void operator()(const plan::Redirect& s) {
    if (!owns_pair_ && context_.has_pod()) take_away(context_, s);  // else dies with the pair
  }
  void operator()(const plan::Tap& s) {
    if (owns_pair_ || !context_.has_pod()) return;  // goes with the pairs; dies with its namespace
    dying_.add(context_, s);
    dying_.bury(context_);
  }

  void operator()(const plan::Service& s) { take_away(context_, s); }
  void operator()(const plan::GuestHost& s) { take_away(context_, s); }

  void operator()(const plan::Vlans& s) {
    const auto link = owns_pair_ ? std::nullopt : port_of_ours(context_, s.link);  // a pod's dies with its port
    if (!link) return;
    kernel::Batch batch;
    kernel::delete_vlans(batch, *link, s);
    if (!batch.empty()) context_.route().send_or_throw(batch);
  }

  void operator()(const plan::Neighbour& s) {
    if (s.link.where == Where::pod) return;  // dies with the link
    const auto link = kernel::get_link(context_.route(), s.link.name);
    if (!link) return;
    // A pod that moved is another node's by now, and the entry that node's.
    if (s.mac && !kernel::has_neighbour(context_.route(), link->index, s)) return;
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
        auto link = kernel::get_link(context_.route(), veth->host);
        if (!link || !ours(*link, *veth, context_.doomed())) link = find_renamed("veth", veth->group, veth->alias);
        if (!link) return;
        const net::IfName name = net::IfName::parse(link->name);
        links_.emplace(veth->host, *link);
        kernel::silence_port(batch_, name);
      });
    }
  }

  // Somebody gave a link of ours another name: it has its group and its alias still. One dump for all that are looked for, and only when
  // one is not there under its own name.
  std::optional<kernel::LinkInfo> find_renamed(std::string_view kind, std::uint32_t group, const std::string& alias) {
    if (alias.empty() || alias.size() >= kernel::kAliasMax) return std::nullopt;
    if (!all_) all_ = kernel::dump_links(context_.route());
    const auto it = std::find_if(all_->begin(), all_->end(), [&](const kernel::LinkInfo& link) {
      return link.kind == kind && link.alias == alias && (link.group == group || link.group == context_.doomed());
    });
    return it == all_->end() ? std::nullopt : std::optional(*it);
  }

  // One deletion for all: each waits for the kernel's RCU.
  static bool has_two_links(const std::vector<plan::Step>* steps) {
    return std::count_if(steps->begin(), steps->end(), [](const plan::Step& step) {
             const auto* shape = std::get_if<plan::Shape>(&step);
             return makes_pair(step) || (shape && shape->egress.rate != 0);
           }) > 1;
  }

  // Before the pairs come: all that have an end in the pod go together with the TAPs there, of whichever NIC.
  void collect_taps(const std::vector<plan::Step>& steps) {
    for (const plan::Step& step : steps)
      if (const auto* tap = std::get_if<plan::Tap>(&step))
        attempt(plan::describe(step), [&] { dying_.add(context_, *tap); });
  }

  static void collect_ports(const std::vector<plan::Step>& steps, plan::Publish& all) {
    for (const plan::Step& step : steps)
      if (const auto* some = std::get_if<plan::Publish>(&step))
        all.mappings.insert(all.mappings.end(), some->mappings.begin(), some->mappings.end());
  }

  void doom(const net::IfName& link) {
    doomed_.push_back(link);
    if (doomed_.size() >= kTogether) bury();
  }

  // The group is only set on links that are about to go: whoever kills us here leaves links that still count as ours.
  void bury() {
    attempt("delete links together", [&] { delete_together(context_, std::exchange(doomed_, {})); });
  }

  Context& context_;
  std::vector<net::IfName>* switches_;  // see undo()
  bool together_ = false;               // links go by group messages
  bool owns_pair_ = false;              // else the links of the plan at hand are another plugin's, and stay
  kernel::Batch batch_;
  DyingTap dying_;
  std::vector<net::IfName> doomed_;                // to go with the next message for all
  std::map<net::IfName, kernel::LinkInfo> links_;  // ours that are there, by the name that they were given
  std::optional<std::vector<kernel::LinkInfo>> all_;
  std::vector<plan::Elements> elements_;
  std::vector<std::string> failed_;
};

}  // namespace

std::vector<std::string> undo(Context& context, const std::vector<plan::Step>& steps,
                              std::vector<net::IfName>* switches) {
  Undoer undoer(context, switches);
  undoer.run({&steps});
  return std::move(undoer).failed();
}

std::vector<std::string> undo_many(Context& context, const std::vector<const std::vector<plan::Step>*>& plans) {
  Undoer undoer(context, nullptr);
  undoer.run(plans);
  return std::move(undoer).failed();
}

}  // namespace trestle::engine
