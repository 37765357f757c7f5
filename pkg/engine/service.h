#pragma once
// dnsmasq for the guests of a switch: its files, and the process that reads them. The process is known by the file `pid` beside them: number,
// start time, the switch's index and the files that it has read. What is on disk decides: whoever was killed half-way is made good by the next.
#include <optional>
#include <string>
#include <vector>

#include "engine/context.h"
#include "plan/step.h"

namespace trestle::engine {

// Throws Error{kernel_lacks}: dnsmasq is not on this host.
void must_have_dnsmasq();

// Each Step's four readers but describe(), as in engine/uplink.h. make() of a Service does not wait for it to answer: where systemd watches for
// it (trestle-guests.path) it is left to systemd, else started. A GuestHost is read by the service at once, or when it starts.
void make(Context& context, const plan::Service& step);
std::optional<std::string> defect_of(Context& context, const plan::Service& step);
void take_away(Context& context, const plan::Service& step);

void make(Context& context, const plan::GuestHost& step);
std::optional<std::string> defect_of(Context& context, const plan::GuestHost& step);
void take_away(Context& context, const plan::GuestHost& step);

// Without a Step: whatever the services below `root` know of the guest on that link of the host.
void forget_guest(const std::string& root, const std::string& host_link);
// The switches that have a directory below `root`.
std::vector<net::IfName> services_below(const std::string& root);
// Becomes the dnsmasq of that directory: what the systemd unit runs. Returns with an Error only.
[[noreturn]] void serve(Context& context, const std::string& directory);

}  // namespace trestle::engine
