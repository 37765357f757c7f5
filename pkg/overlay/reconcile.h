#pragma once
// Brings the kernel's entries for a tunnel's peers to what is wanted.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "overlay/desired.h"
#include "plan/step.h"

namespace trestle::overlay {

struct Outcome {
  std::size_t made = 0, removed = 0;
  std::vector<net::Ip> kept = {};  // peers that the list has no more, left for later: no more than a fifth goes at once
  std::vector<std::string> refused = {};  // what the host has already, by another hand
  std::size_t had = 0, left = 0;          // peers that were there; of those, how many went
};

// What the kernel has of it now: entries of the VTEP, next hops by it and their routes. A few dumps.
std::vector<plan::Step> seen(engine::Context& context, const net::IfName& vtep);
// How many peers may go: a fifth, three at least, of those that stood when the minute began, less what went in it. A list that shrank by a few
// names each second took all of them.
struct Leave {
  bool none = false;
  std::optional<std::size_t> stood = {};  // nullopt: a minute begins now
  std::size_t gone = 0;
};
std::size_t may_leave(const Leave& leave, std::size_t there);

// Idempotent; only what is ours is touched: a route or next hop that is another's stays, and is told. `wanted` is a complete list. A VTEP that
// is not there has no entries: nothing is done. Throws Error{kernel} naming the Step.
Outcome reconcile(engine::Context& context, const net::IfName& vtep, const std::vector<plan::Step>& wanted,
                  const Leave& leave);

// What changed between two lists, where the first is programmed and nobody has touched it since: no look at the rest.
// What the host has already is returned.
std::vector<std::string> program(engine::Context& context, const net::IfName& vtep, const Difference& steps);
// Layer 2: what frames of those told who are no peers (any more) goes, so that what is for their stations is sent to everybody until it is known
// where they are: to a node whose address changed nobody spoke for as long as the stations there were silent. `kept`: peers besides.
void forget_strangers(engine::Context& context, const config::Overlay& overlay, const std::vector<net::Ip>& kept);

// Next hops past a tunnel that is gone. They are on the underlay's link, and do not go with the VTEP as all the rest does.
void drop_widows(engine::Context& context);

}  // namespace trestle::overlay
