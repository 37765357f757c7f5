#include "engine/verify.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "engine/bridge.h"
#include "engine/file.h"
#include "engine/pod_end.h"
#include "engine/prefix_route.h"
#include "engine/publish.h"
#include "engine/service.h"
#include "engine/shape.h"
#include "engine/station.h"
#include "engine/tap.h"
#include "engine/uplink.h"
#include "engine/vlans.h"
#include "engine/vxlan.h"
#include "kernel/address.h"
#include "kernel/neighbour.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "kernel/rule.h"
#include "kernel/vlan.h"
#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::engine {

using plan::LinkRef;
using plan::Where;

namespace {

class Verifier {
 public:
  // `quick`: see stands().
  Verifier(Context& context, const std::map<net::IfName, Override>& overrides, bool quick)
      : context_(context), overrides_(overrides), quick_(quick) {}

  std::vector<Defect> run(const std::vector<plan::Step>& steps) {
    for (steps_ = &steps; at_ < steps.size(); ++at_) std::visit(*this, steps[at_]);
    return std::move(defects_);
  }

  void operator()(const plan::Sysctl& s) {
    const auto link = plan::link_of(s);
    // Below an MTU of 1280 a link's IPv6 keys are gone with its IPv6; a renamed NIC's name is another's by now.
    if (link && (lost(*link) || renamed_.contains(*link) || no_ipv6_.contains(*link))) return;
    if (unforwarded_ && s.key.ends_with("/forwarding")) return;  // each link's goes with the host's
    const auto found = read_sysctl(context_, s);
    if (found == s.value || (!found && s.at_least)) return;  // that link is gone, and with it what was to be kept
    const auto number = base::parse_number(found.value_or(""), ~0U), wanted = base::parse_number(s.value, ~0U);
    if (s.at_least && number && wanted && *number >= *wanted) return;
    unforwarded_ = unforwarded_ || s.key == "net/ipv4/ip_forward";
    if (link && s.key.ends_with("/disable_ipv6")) no_ipv6_.insert(*link);  // switching it off takes the addresses too
    defect(s, found ? "is " + *found : "is not there");
  }

  void operator()(const plan::File& s) {
    if (!file_has(s.path, s.text)) defect(s, "is gone or changed");
  }

  void operator()(const plan::Bridge& s) {
    const LinkRef ref{Where::host, s.link};
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || link->kind != "bridge") {
      gone_.insert(ref);
      return defect(s, link ? "is no bridge" : "is gone");
    }
    context_.set_index(ref, link->index);
    see_default_vlan(context_, *link);
    for (const std::string& why : defects_of(s, *link)) defect(s, why);
    if (link->mtu < 1280 && s.mtu >= 1280) no_ipv6_.insert(ref);
    note(ref, *link);
  }

  void operator()(const plan::Veth& s) {
    const LinkRef host_ref{Where::host, s.host};
    const LinkRef pod_ref{Where::pod, s.pod};
    const auto host = kernel::get_link(context_.route(), s.host);
    if (!host || host->kind != "veth") {
      gone_.insert(host_ref);
      gone_.insert(pod_ref);
      return defect(s, "is gone");
    }
    context_.set_index(host_ref, host->index);
    note(host_ref, *host);
    check_master(s, *host);
    if (host->mtu != s.mtu && host->mtu != wanted_mtu(s, by_chain(s)))
      defect(s, changed("MTU of the host end", std::to_string(host->mtu), std::to_string(s.mtu)));
    const auto pod = host->peer ? kernel::get_link(context_.pod_route(), host->peer) : std::nullopt;
    if (!pod || pod->kind != "veth") {
      gone_.insert(pod_ref);
      return defect(s, "its pod end is not in the pod's namespace");
    }
    context_.set_index(pod_ref, pod->index);
    if (pod->name != s.pod.str()) renamed_.insert(pod_ref);
    note(pod_ref, *pod);
    for (const std::string& why : pod_end_defects(s, *pod, by_chain(s), renamed_.contains(pod_ref))) defect(s, why);
    if (pod->mtu < 1280) no_ipv6_.insert(pod_ref);
  }

  void operator()(const plan::Up& s) {
    if (lost(s.link)) return;
    const auto up = up_.find(s.link);
    if (up == up_.end()) return;
    if (!up->second.up()) return defect(s, "is down");
    if (!s.ipv6 && !up->second.without_ipv6) defect(s, "has IPv6 switched on");
  }

  void operator()(const plan::Port& s) {
    const LinkRef ref{Where::host, s.link};
    if (missing(ref) || loose_.contains(ref)) return;
    const auto link = kernel::get_link(context_.route(), s.link);
    if (!link || (link->port_kind != "bridge" && !s.was)) return;  // the veth Step has told it
    if (link->port_kind != "bridge") return defect(s, "is no bridge port any more: DEL and ADD the pod");
    if (const auto why = port_defect(context_.route(), s, *link)) defect(s, *why);
  }

  void operator()(const plan::Address& s) {
    if (lost(s.link) || (is_down(s.link)) || (s.cidr.ip.family == net::Family::v6 && no_ipv6_.contains(s.link))) return;
    // KubeVirt moves the addresses to a link of its own when it renames ours.
    const std::uint32_t index = renamed_.contains(s.link) ? 0 : context_.index(s.link);
    const auto [known, asked] = addresses_.try_emplace(s.link);
    if (asked) known->second = kernel::addresses(context_.socket(s.link.where), index);
    if (std::find(known->second.begin(), known->second.end(), s.cidr) != known->second.end()) {
      if (const auto why = quick_ ? std::nullopt : prefix_route_defect(context_, s)) defect(s, *why);
      return;
    }
    homeless_.insert({s.link, s.cidr.ip.family});
    defect(s, "is gone");
  }

  void operator()(const plan::Route& s) {
    const net::Family family = s.dst.ip.family;
    if (lost(s.dev) || is_down(s.dev) || homeless_.contains({s.dev, family}) || renamed_.contains(s.dev)) return;
    if (family == net::Family::v6 && no_ipv6_.contains(s.dev)) return;
    if (!kernel::has_route(context_.socket(s.dev.where), context_.index(s.dev), s)) defect(s, "is gone");
  }

  void operator()(const plan::Rule& s) {
    if (!kernel::has_rule(context_.socket(s.where), s)) defect(s, "is gone");
  }

  void operator()(const plan::Rules& s) {
    if (flushed_ || quick_) return;
    bool table_gone = false;
    const auto missing = kernel::missing_rules(context_.nft(), s, &table_gone);
    if (table_gone) return flushed();
    if (!missing.empty()) defect(s, base::join(missing, "; "));
  }

  void operator()(const plan::Elements& s) {
    if (flushed_ || quick_) return;
    bool table_gone = false;
    const auto missing = kernel::missing_elements(context_.nft(), s, &table_gone);
    if (table_gone) return flushed();
    const std::string set = "host: element of " + plan::text(s.table) + " " + s.set + ": ";
    for (const std::string& element : missing) defects_.push_back({at_, set + element + ": is gone"});
    for (const std::string& why : lost_ways(context_, s)) defects_.push_back({at_, why});
  }

  void operator()(const plan::Announce&) {}  // true by definition

  void operator()(const plan::Fdb& s) {
    const LinkRef ref{Where::host, s.link};
    if (missing(ref) || loose_.contains(ref)) return;
    if (const auto why = station_defect(context_, s, context_.index(ref))) defect(s, *why);
  }

  void operator()(const plan::Vlans& s) {
    const LinkRef ref{Where::host, s.link};
    if (lost(ref) || loose_.contains(ref)) return;
    auto why = kernel::vlans_defect(context_.route(), context_.index(ref), s);
    if (!why && !quick_ && !up_.contains(ref)) why = swallowed(context_, s);  // of an uplink
    if (why) defect(s, *why);
  }

  void operator()(const plan::Neighbour& s) {
    if (missing(s.link)) return;
    if (!kernel::has_neighbour(context_.socket(s.link.where), context_.index(s.link), s)) defect(s, "is gone");
  }

  void operator()(const plan::Vxlan& s) {
    if (!kernel::link_index(context_.route(), s.link)) gone_.insert({Where::host, s.link});
    ask(s);
  }
  void operator()(const plan::Nexthop& s) { ask(s); }
  void operator()(const plan::Bond& s) {
    for (const std::string& why : defects_of(context_, s, quick_)) defect(s, why);
  }
  void operator()(const plan::Uplink& s) {
    if (lost({Where::host, s.master})) return;
    if (!kernel::link_index(context_.route(), s.nic)) gone_.insert({Where::host, s.nic});  // its VLANs went along
    ask(s);
    if (const auto why = quick_ ? std::nullopt : narrowness(context_, s)) defect(s, *why);
  }
  void operator()(const plan::TakeAddresses& s) {
    const LinkRef bridge{Where::host, s.bridge};
    if (!up_.contains(bridge)) return;  // its own Step has told
    ask(s);
    if (const auto why = default_vlan_defect(context_, up_.at(bridge), up_.at(bridge), *steps_))
      defect(s, "of " + s.bridge.str() + " itself, where the host lives now, " + *why);
  }
  void operator()(const plan::Publish& s) {
    if (flushed_) return;
    for (std::string& line : defects_of(context_, s)) defects_.push_back({at_, std::move(line)});
  }
  void operator()(const plan::Shape& s) {
    if (!missing({Where::host, s.link})) ask(s);
  }
  void operator()(const plan::Tap& s) {
    const LinkRef ref{Where::pod, s.link};
    const auto link = find_tap(context_, s);
    if (!link) {
      gone_.insert(ref);
      return defect(s, "is gone");
    }
    note(ref, *link);
    if (const auto why = defect_of(s, *link)) defect(s, *why);
  }
  void operator()(const plan::Redirect& s) {
    if (!missing({Where::pod, s.a}) && !missing({Where::pod, s.b})) ask(s);
  }
  void operator()(const plan::Service& s) { ask(s); }
  void operator()(const plan::GuestHost& s) { ask(s); }

 private:
  template <class S>
  void defect(const S& step, const std::string& why) {
    defects_.push_back({at_, plan::describe(step) + ": " + why});
  }

  template <class S>
  void ask(const S& step) {
    if (const auto why = defect_of(context_, step)) defect(step, *why);
  }

  void flushed() {
    flushed_ = true;
    defects_.push_back(
        {at_, "host: nftables table trestle is gone (the ruleset was flushed); 'trestle repair' rebuilds it"});
  }

  void check_master(const plan::Veth& s, const kernel::LinkInfo& host) {
    const LinkRef master{Where::host, s.master};
    if (gone_.contains(master)) {
      loose_.insert({Where::host, s.host});
      return;
    }
    const auto bridge = kernel::get_link(context_.route(), s.master);
    if (bridge && host.master == bridge->index) {
      const auto why = default_vlan_defect(context_, *bridge, host, *steps_);
      return why ? defect(s, *why) : void();
    }
    loose_.insert({Where::host, s.host});
    defect(s, "is no port of " + s.master.str());
  }

  const Override* by_chain(const plan::Veth& s) const {
    return overrides_.contains(s.pod) ? &overrides_.at(s.pod) : nullptr;
  }

  void note(const LinkRef& ref, const kernel::LinkInfo& link) { up_.insert_or_assign(ref, link); }
  bool is_down(const LinkRef& link) const { return up_.contains(link) && !up_.at(link).up(); }
  bool lost(const LinkRef& link) const { return gone_.contains(link); }
  // The same of one that no Step need have made: another plugin's. CHECK failed there, where it had to answer.
  bool missing(const LinkRef& link) {
    if (lost(link) || context_.knows(link)) return lost(link);
    gone_.insert(link);
    defects_.push_back({at_, plan::text(link) + ": is gone"});
    return true;
  }

  Context& context_;
  const std::map<net::IfName, Override>& overrides_;
  bool quick_, flushed_ = false, unforwarded_ = false;
  const std::vector<plan::Step>* steps_ = nullptr;
  std::size_t at_ = 0;
  std::vector<Defect> defects_;
  std::map<LinkRef, std::vector<net::Cidr>> addresses_;  // of each link, asked once
  std::set<LinkRef> gone_, loose_, renamed_, no_ipv6_;
  std::set<std::pair<LinkRef, net::Family>> homeless_;
  std::map<LinkRef, kernel::LinkInfo> up_;
};

}  // namespace

std::vector<Defect> verify(Context& context, const std::vector<plan::Step>& steps,
                           const std::map<net::IfName, Override>& overrides) {
  return Verifier(context, overrides, false).run(steps);
}

bool stands(Context& context, const std::vector<plan::Step>& shared) {
  return Verifier(context, {}, true).run(shared).empty();
}

}  // namespace trestle::engine
