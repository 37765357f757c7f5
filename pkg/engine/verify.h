#pragma once
#include <map>
#include <string>
#include <vector>

#include "engine/context.h"
#include "net/mac.h"
#include "plan/step.h"

namespace trestle::engine {

// What a plugin later in the chain was allowed to change of a pod's link (CHECK's prevResult says so).
struct Override {
  std::optional<net::Mac> mac;
  std::optional<std::uint32_t> mtu;
};

// Something that is not as its Step says.
struct Defect {
  std::size_t step = 0;  // index into the Steps
  std::string text;      // "pod:eth0: address 10.88.0.2/16: is gone"
};

// Asks the kernel for every Step. "At least", never "only": what others added is no defect. One outside change is one defect: what
// follows from it (addresses of a link that is down, routes of an address that is gone, elements of a table that was flushed) is not
// told again. Changes nothing.
std::vector<Defect> verify(Context& context, const std::vector<plan::Step>& steps,
                           const std::map<net::IfName, Override>& overrides = {});

// The quick look of an ADD at a switch that is there. Leaves out nftables objects, whose loss the ADD's own elements tell (DESIGN section 3),
// and the routes that the kernel made with the addresses.
bool stands(Context& context, const std::vector<plan::Step>& shared);

}  // namespace trestle::engine
