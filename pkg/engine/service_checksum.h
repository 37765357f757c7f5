#pragma once
// What a switch's DHCP server says leaves with its UDP checksum, where the kernel has the means (kernel/tc_checksum.h): most clients need
// none, so a kernel without is no reason to refuse, nor another's qdisc in the place.
#include <optional>
#include <string>

#include "engine/context.h"
#include "net/ifname.h"

namespace trestle::engine {

void fill_checksums(Context& context, const net::IfName& bridge);
std::optional<std::string> checksum_defect(Context& context, const net::IfName& bridge);
// From a switch that stays without its services.
void leave_checksums(Context& context, const net::IfName& bridge);

}  // namespace trestle::engine
