#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "plan/facts.h"
#include "plan/step.h"

namespace trestle::engine {

// The sockets of one call: one per namespace and protocol, opened when first used; a namespace is entered only to open a socket in it,
// to write a sysctl or to send a neighbour advertisement. Ifindexes live here, for the length of the call.
class Context {
 public:
  // `doomed`: the group that links get before they are deleted together (net::doomed_group). `switches`: the group of our switches
  // (net::switch_group): from any other link of the host undo takes nothing away.
  Context(std::uint32_t doomed, std::uint32_t switches) : doomed_(doomed), switches_(switches) {}

  kernel::Socket& route();  // the host's
  kernel::Socket& nft();
  std::uint64_t host_cookie() { return route().netns_cookie(); }
  std::uint32_t doomed() const { return doomed_; }
  std::uint32_t switches() const { return switches_; }

  // Without a pod, Steps of the pod are skipped by undo and fail in apply.
  void set_pod(base::Fd netns);
  // The same by the namespace's path; its cookie. nullopt: there is none at that path (any more), and the context is as before. Throws
  // Error{bad_environment} when the path leads to something else.
  [[nodiscard]] std::optional<std::uint64_t> enter_pod(const std::string& path);
  bool has_pod() const { return pod_fd_.valid(); }
  const base::Fd& pod_fd() const { return pod_fd_; }
  kernel::Socket& pod_route();
  std::uint64_t pod_cookie() { return pod_route().netns_cookie(); }
  const kernel::Home& home();

  kernel::Socket& socket(plan::Where where) { return where == plan::Where::host ? route() : pod_route(); }
  // The link's ifindex, asked once per call. Throws Error{kernel} "host:tr0: no such link".
  std::uint32_t index(const plan::LinkRef& link);
  // Makes CHECK see a link of the pod under the name that it has now.
  void set_index(const plan::LinkRef& link, std::uint32_t index) { indexes_[link] = index; }
  void forget(const plan::LinkRef& link) { indexes_.erase(link); }

  // What undo left in place because it is not, or not only, ours: no failure, but worth a line in the log.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 private:
  std::uint32_t doomed_, switches_;
  std::optional<kernel::Home> home_;
  std::optional<kernel::Socket> route_, nft_, pod_route_;
  base::Fd pod_fd_;
  std::map<plan::LinkRef, std::uint32_t> indexes_;
  std::vector<std::string> notes_;
};

// The alias of every switch that we make.
inline constexpr const char* kSwitchAlias = "trestle switch";
// By its group; or by its alias, where a foreign hand (networkd's Group=) has given it a group that is none of Trestle's.
bool is_switch_of_ours(const Context& context, const kernel::LinkInfo& link);

// Reads the Facts of the host (never changes it): MTU of the default route's device, IPv6, links with a default route learned by RA.
plan::Facts read_facts(Context& context);

}  // namespace trestle::engine
