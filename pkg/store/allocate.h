#pragma once
// Which addresses an attachment gets from its segment.
#include <functional>
#include <vector>

#include "plan/facts.h"
#include "store/segment.h"
#include "store/store.h"

namespace trestle::store {

// Takes one address per want, in memory: the requested one, else one of `kin` (what other pods of the VM hold), else the one that the
// reservation's MAC had lately, else a VM's preferred one, else the next free one, else the one that rests longest. Throws Error{held} with `holder`'s words for the address ("": nobody
// has it, the segment is wrong), Error{pool_full} with numbers. When the segment is in doubt afterwards, the answer is
// void.
std::vector<plan::LeasedIp> allocate(Segment& segment, const Reservation& reservation, const std::vector<net::Ip>& kin,
                                     const std::function<std::string(const net::Ip&)>& holder);

}  // namespace trestle::store
