#include "engine/apply.h"

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "engine/file.h"
#include "engine/publish.h"
#include "engine/service.h"
#include "engine/shape.h"
#include "engine/station.h"
#include "engine/tap.h"
#include "engine/uplink.h"
#include "engine/vxlan.h"
#include "kernel/address.h"
#include "kernel/announce.h"
#include "kernel/fdb.h"
#include "kernel/neighbour.h"
#include "kernel/nexthop.h"
#include "kernel/nft.h"
#include "kernel/route.h"
#include "kernel/rule.h"
#include "kernel/sysctl.h"
#include "kernel/vlan.h"
#include "plan/plan.h"
#include "plan/step_text.h"

namespace trestle::engine {

using base::Code;
using base::Error;
using plan::LinkRef;
using plan::Where;

namespace {

// Reads the Steps one by one and keeps what belongs to one socket together until another socket's turn comes.
class Applier {
 public:
  Applier(Context& context, bool again) : context_(context), again_(again) {}

  void run(const std::vector<plan::Step>& steps) {
    for (const plan::Step& step : steps) {
      std::visit(*this, step);
      if (flushed_) return;
    }
    flush();
  }
  bool flushed() const { return flushed_; }

  void operator()(const plan::Sysctl& s) {
    flush();
    base::in_context(plan::describe(s), [&] {
      if (s.where == Where::host) return kernel::ensure_sysctl(s.key, s.value, s.at_least);
      const kernel::InNetns inside(context_.pod_fd(), context_.home());
      kernel::ensure_sysctl(s.key, s.value, s.at_least);
    });
  }

  void operator()(const plan::File& s) {
    flush();
    ensure_file(s.path, s.text);
  }

  void operator()(const plan::Bridge& s) {
    flush();
    const LinkRef ref{Where::host, s.link};
    auto there = kernel::get_link(context_.route(), s.link);
    kernel::Batch batch;
    if (!there) {
      kernel::add_bridge(batch, s);
      context_.route().send_or_throw(batch);
      kernel::set_link(batch, s.link, s.mtu, nullptr, std::nullopt, kSwitchAlias);
    } else {
      refuse_foreign(context_, s);
      kernel::change_bridge(batch, s, *there);
      if (there->mac != s.mac || there->mtu != s.mtu || there->group != s.group)
        kernel::set_link(batch, s.link, s.mtu, &s.mac, s.group, std::nullopt);
    }
    if (!batch.empty()) context_.route().send_or_throw(batch);
    context_.forget(ref);
  }

  void operator()(const plan::Veth& s) {
    flush();
    if (again_)
      if (const auto there = kernel::get_link(context_.route(), s.host)) return remaster(s, *there);
    const std::uint32_t master = context_.index({Where::host, s.master});
    if (create(s, master)) return;
    // A left-over of ours under this name (its record was lost) is no reason to refuse.
    const auto there = kernel::get_link(context_.route(), s.host);
    if (there && there->group != s.group && there->group != context_.doomed())
      throw Error(Code::held,
                  "host:" + s.host.str() + ": a link of this name is there already and is not ours; remove it");
    if (kernel::get_link(context_.pod_route(), s.pod))
      throw Error(Code::held, "pod:" + s.pod.str() +
                                  ": the pod has an interface of this name already; an ADD must make it, so remove "
                                  "it or choose another CNI_IFNAME");
    if (there) {
      kernel::Batch batch;
      kernel::delete_link(batch, there->index, s.host.str());
      context_.route().send_or_throw(batch);
    }
    if (!create(s, master)) throw Error(Code::kernel, plan::describe(s) + ": File exists");
  }

  void operator()(const plan::Up& s) {
    kernel::Batch& batch = queue(s.link.where);
    if (!s.ipv6) kernel::keep_ipv6_off(batch, s.link.name);
    kernel::set_up(batch, s.link.name);
    if (!again_ || s.link.where == Where::pod) return;
    for (const plan::Address& address : switch_addresses_)
      if (address.link == s.link)
        kernel::restore_prefix_route(batch, link_index(s.link), address.cidr, plan::describe(address));
  }

  void operator()(const plan::Port& s) { kernel::set_port(queue(Where::host), s, again_); }

  void operator()(const plan::Address& s) {
    const std::uint32_t index = link_index(s.link);
    kernel::add_address(queue(s.link.where), index, s.cidr, again_, plan::describe(s));
    if (s.link.where == Where::pod)
      addresses_[s.link.name].push_back(s.cidr.ip);
    else if (s.cidr.length < s.cidr.ip.bits())
      switch_addresses_.push_back(s);
  }

  void operator()(const plan::Route& s) {
    const std::uint32_t index = s.nexthop ? 0 : link_index(s.dev);
    std::string label = plan::describe(s);
    if (s.dst.length == 0 && s.dev.where == Where::pod)
      label += " (with a default route in the pod already, set \"defaultRoute\": false)";
    kernel::add_route(queue(s.dev.where), index, s, again_, label);
  }

  void operator()(const plan::Rule& s) { kernel::add_rule(queue(s.where), s); }
  void operator()(const plan::Rules& s) { nft().add_rules(s); }
  void operator()(const plan::Elements& s) { nft().add_elements(s); }

  void operator()(const plan::Fdb& s) {
    const std::uint32_t index = link_index({Where::host, s.link});
    if (s.every_vlan) flush();  // its port is in them then
    refuse_taken(context_, s, index);
    kernel::add_fdb(queue(Where::host), index, s);
  }

  void operator()(const plan::Vlans& s) {
    const std::uint32_t index = link_index({Where::host, s.link});
    kernel::add_vlans(queue(Where::host), index, s);
  }

  void operator()(const plan::Neighbour& s) {
    const std::uint32_t index = link_index(s.link);
    kernel::add_neighbour(queue(s.link.where), index, s);
  }

  void operator()(const plan::Nexthop& s) {
    const std::uint32_t index = link_index({Where::host, s.dev});
    kernel::add_nexthop(queue(Where::host), index, s, true);
  }

  void operator()(const plan::Vxlan& s) { alone(s); }
  void operator()(const plan::Bond& s) { alone(s); }
  void operator()(const plan::Uplink& s) { alone(s); }
  void operator()(const plan::TakeAddresses& s) { alone(s); }

  void operator()(const plan::Publish& s) {
    flush();
    if (flushed_ || make(context_, s)) return;
    if (again_) throw Error(Code::kernel, plan::describe(s) + ": nftables table trestle is gone again");
    flushed_ = true;
  }

  void operator()(const plan::Shape& s) { alone(s); }
  void operator()(const plan::Tap& s) { alone(s); }
  void operator()(const plan::Redirect& s) { alone(s); }
  void operator()(const plan::Service& s) { alone(s); }
  void operator()(const plan::GuestHost& s) { alone(s); }

  void operator()(const plan::Announce& s) {
    const std::uint32_t index = link_index({Where::pod, s.link});
    flush();
    kernel::await_carrier(context_.pod_route(), index, context_.route());
    // Of those, too, that are no news: whoever asks for one that is not there yet asks again only after a second.
    kernel::await_addresses(context_.pod_route(), addresses_[s.link]);
    kernel::announce_arp(queue(Where::pod), index, s);
    flush();
    if (s.addresses.empty()) return;
    const kernel::InNetns inside(context_.pod_fd(), context_.home());
    // Best effort: a lost advertisement costs a neighbour one stale entry, not the pod its network.
    static_cast<void>(kernel::announce_nd(index, s));
  }

 private:
  template <class S>
  void alone(const S& step) {
    flush();
    if (!flushed_) make(context_, step);
  }

  enum class Waiting : std::uint8_t { nothing, nft, host, pod };

  void turn(Waiting to) {
    if (waiting_ != to) flush();
    waiting_ = to;
  }

  kernel::Batch& queue(Where where) {
    turn(where == Where::host ? Waiting::host : Waiting::pod);
    return batch_;
  }

  kernel::NftBatch& nft() {
    turn(Waiting::nft);
    return nft_;
  }

  // Asking for an index must not come between what is queued and its send: a link may be renamed or made by it.
  std::uint32_t link_index(const LinkRef& link) { return context_.index(link); }

  void flush() {
    const Waiting what = std::exchange(waiting_, Waiting::nothing);
    if (what == Waiting::host) context_.route().send_or_throw(batch_);
    if (what == Waiting::pod) context_.pod_route().send_or_throw(batch_);
    if (what != Waiting::nft) return;
    const kernel::NftBatch::Outcome outcome = nft_.send(context_.nft());
    if (outcome.done) return;
    if (outcome.missing() && !again_) {
      flushed_ = true;
      return;
    }
    kernel::refuse({0, outcome.err, outcome.what});
  }

  // false: one of the two names is taken.
  bool create(const plan::Veth& s, std::uint32_t master) {
    kernel::Batch batch;
    kernel::add_veth(batch, s, master, context_.pod_fd().get());
    for (const kernel::Refusal& refusal : context_.route().send(batch)) {
      if (refusal.err == EEXIST) return false;
      if (refusal.err == EXFULL || refusal.err == ENOSPC)
        throw Error(Code::pool_full,
                    "host:" + s.master.str() +
                        ": the switch is full (a Linux bridge holds 1,023 ports); detach pods "
                        "or use a second switch",
                    refusal.label);
      kernel::refuse({refusal.index, refusal.err, plan::describe(s) + " (" + refusal.label + ")"});
    }
    kernel::set_link(queue(Where::host), s.host, std::nullopt, nullptr, std::nullopt, s.alias);
    return true;
  }

  // The pair is there: its membership, MTU and MAC may not be.
  void remaster(const plan::Veth& s, const kernel::LinkInfo& there) {
    if (there.kind != "veth" || (there.group != s.group && there.alias != s.alias))
      throw Error(Code::held, "host:" + s.host.str() + ": a link of this name is there and is not ours; remove it");
    // By the pair, not by the name: KubeVirt renames the pod's end and gives its name to a link of its own.
    const auto pod = kernel::get_link(context_.pod_route(), there.peer);
    kernel::Batch& batch = queue(Where::host);
    kernel::set_link(batch, s.host, s.mtu, &s.host_mac, s.group, s.alias);
    kernel::set_master(batch, s.host, context_.index({Where::host, s.master}));
    if (pod && pod->name == s.pod.str())
      kernel::set_link(queue(Where::pod), s.pod, s.mtu, &s.pod_mac, std::nullopt, std::nullopt);
  }

  Context& context_;
  bool again_;
  std::map<net::IfName, std::vector<net::Ip>> addresses_;  // of the pod's links
  bool flushed_ = false;
  std::vector<plan::Address> switch_addresses_;  // so far; the kernel made a route with each
  Waiting waiting_ = Waiting::nothing;
  kernel::Batch batch_;
  kernel::NftBatch nft_;
};

}  // namespace

void refuse_foreign(Context& context, const plan::Bridge& bridge) {
  const auto there = kernel::get_link(context.route(), bridge.link);
  if (!there || is_switch_of_ours(context, *there)) return;
  throw Error(Code::held, "host:" + bridge.link.str() +
                              ": a link of this name is there already and is not ours; choose another "
                              "'bridge' for this network or remove that link");
}

void apply_shared(Context& context, const std::vector<plan::Step>& steps) { Applier(context, true).run(steps); }

bool apply_attachment(Context& context, const std::vector<plan::Step>& steps) {
  Applier applier(context, false);
  applier.run(steps);
  return !applier.flushed();
}

void reapply_attachment(Context& context, const std::vector<plan::Step>& steps) { Applier(context, true).run(steps); }

}  // namespace trestle::engine
