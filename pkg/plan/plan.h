#pragma once
// A Plan is a value: what must exist for one attachment. Made by a mode (pkg/modes), carried out by pkg/engine, kept in the
// record, printed by `trestle plan`.
#include <optional>
#include <string>
#include <vector>

#include "plan/step.h"

namespace trestle::plan {

// What attachments of one network share on one switch. Stored once, under the digest of its Steps.
struct Shared {
  net::IfName bridge;
  std::vector<Step> steps;
};

struct Plan {
  Shared shared;
  std::vector<Step> attachment;
};

// One line, the same in `trestle plan`, errors and logs: "pod:eth0: address 10.88.0.2/16".
std::string describe(const Step& step);
// As the kernel has it: of IPv6 no metric is 1024 (include/net/ip6_fib.h, IP6_RT_PRIO_USER).
std::uint32_t metric_of(const Route& route);
// The name of the kernel object, without its attributes: two Steps with one key speak of one object.
std::string object_key(const Step& step);
// The link of a per-interface key (net/ipv6/conf/<link>/<name>); nullopt for the host-wide ones.
std::optional<LinkRef> link_of(const Sysctl& sysctl);
// An element of a set as nft writes it: `"veth0" . 02:00:00:00:00:01`; of a verdict map: `"tr0" : jump from-tr0`.
std::string element_text(const Element& element);
// 16 hex digits over all that the Steps say: equal Steps, equal digest, in every process and release of one schema.
std::string digest(const std::vector<Step>& steps);
// The first object that both lists name with different attributes; nullopt when they agree. Sets of elements, files and
// rules may grow or be renewed and never conflict, except two prefixes that overlap in one interval set.
struct Conflict {
  Step mine, theirs;
};
std::optional<Conflict> conflict(const std::vector<Step>& mine, const std::vector<Step>& theirs);
// What of `gone` no list of `kept` names (elements one by one): what is undone when a part loses its last attachment.
std::vector<Step> unshared(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept);
// Of rules whose name is in both: the sets, maps and chains (without their rules) that no text of `kept` declares. They go when those texts are in
// force again, and what pointed to them is gone.
std::vector<Step> undeclared(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept);
// Takes away the elements that lead to a chain of those, or stand in a set of those.
void drop_elements_of(std::vector<Step>& steps, const Rules& declarations);

// The same of one attachment, beside other pods of its VM: what they name of the host by the VM's address (published ports, elements, files,
// neighbours) stays. What is in the pod, or is a link, is each pod's own, whatever it is called.
std::vector<Step> unnamed(const std::vector<Step>& gone, const std::vector<std::vector<Step>>& kept);

}  // namespace trestle::plan
