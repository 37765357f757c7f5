#pragma once
// The ends of a pair against their Steps.
#include <optional>
#include <string>
#include <vector>

#include "engine/verify.h"
#include "kernel/link.h"
#include "plan/step.h"

namespace trestle::engine {

// "MTU is 1400, not 1500".
std::string changed(const std::string& what, const std::string& found, const std::string& wanted);

// What a plugin behind ours in the chain made of the pair's MTU, else what the Step says. `by_chain`: nullptr without such a plugin.
std::uint32_t wanted_mtu(const plan::Veth& step, const Override* by_chain);

// A sentence for each thing of `pod` that is not as it was made. `renamed`: it has another name by now, and with it maybe another MAC.
std::vector<std::string> pod_end_defects(const plan::Veth& step, const kernel::LinkInfo& pod, const Override* by_chain,
                                         bool renamed);

// "other flags: isolated, state": what of a port is not as its Step says. `ipv6_matters`: of an uplink it is the host's business.
std::optional<std::string> port_defect(kernel::Socket& host, const plan::Port& step, const kernel::LinkInfo& port,
                                       bool ipv6_matters = true);

}  // namespace trestle::engine
