#pragma once
// The sets that say which peers a switch takes packets from. What changes in them goes by the side of what is programmed for the peers.
#include <vector>

#include "app/session.h"
#include "config/overlay.h"
#include "plan/step.h"

namespace trestle::app {

config::Overlay without_peers(const config::Overlay& overlay);

// Does the kernel have them? One element of each set stands for all: a flush takes the whole.
bool guarded(Session& session, const net::IfName& bridge, const config::Overlay& overlay);
void widen_guard(engine::Context& context, const std::vector<plan::Elements>& guard);
// What the sets have and `guard` has not goes.
void narrow_guard(engine::Context& context, const std::vector<plan::Elements>& guard);
void drop_elements(engine::Context& context, const plan::Elements& gone);

}  // namespace trestle::app
