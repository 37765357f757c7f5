#include "engine/context.h"

#include <unistd.h>

#include "base/error.h"
#include "kernel/route.h"
#include "net/names.h"
#include "plan/step_text.h"

namespace trestle::engine {

kernel::Socket& Context::route() {
  if (!route_) route_.emplace(kernel::Socket::open(kernel::Protocol::route));
  return *route_;
}

kernel::Socket& Context::nft() {
  if (!nft_) nft_.emplace(kernel::Socket::open(kernel::Protocol::netfilter));
  return *nft_;
}

const kernel::Home& Context::home() {
  if (!home_) home_.emplace();
  return *home_;
}

void Context::set_pod(base::Fd netns) {
  pod_fd_ = std::move(netns);
  pod_route_.reset();
}

std::optional<std::uint64_t> Context::enter_pod(const std::string& path) {
  auto netns = kernel::open_netns(path);
  if (!netns) return std::nullopt;
  set_pod(std::move(*netns));
  return pod_cookie();
}

kernel::Socket& Context::pod_route() {
  if (!pod_fd_.valid()) throw base::Error(base::Code::bug, "a step of the pod without the pod's namespace");
  if (!pod_route_) {
    const kernel::InNetns inside(pod_fd_, home());
    pod_route_.emplace(kernel::Socket::open(kernel::Protocol::route));
  }
  return *pod_route_;
}

std::uint32_t Context::index(const plan::LinkRef& link) {
  if (const auto it = indexes_.find(link); it != indexes_.end()) return it->second;
  const auto found = kernel::link_index(socket(link.where), link.name);
  if (!found)
    throw base::Error(base::Code::kernel, plan::text(link) + ": no such link; it was removed by another hand");
  indexes_.emplace(link, *found);
  return *found;
}

bool is_switch_of_ours(const Context& context, const kernel::LinkInfo& link) {
  if (link.kind != "bridge") return false;
  return link.group == context.switches() || (link.alias == kSwitchAlias && !net::is_our_group(link.group));
}

plan::Facts read_facts(Context& context) {
  plan::Facts facts;
  facts.ipv6 = ::access("/proc/sys/net/ipv6", F_OK) == 0;
  if (const auto index = kernel::default_route_link(context.route()))
    if (const auto link = kernel::get_link(context.route(), *index)) facts.mtu = link->mtu;
  if (facts.ipv6)
    for (const std::uint32_t index : kernel::ra_default_links(context.route()))
      if (const auto link = kernel::get_link(context.route(), index))
        facts.ra_links.push_back(net::IfName::parse(link->name));
  return facts;
}

}  // namespace trestle::engine
