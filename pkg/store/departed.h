#pragma once
// Owners whose DEL came when there was no record, so that an ADD which began before that DEL and still runs gives up.
#include <cstdint>

#include "store/clock.h"
#include "store/directory.h"

namespace trestle::store {

// A file of fixed size: 1024 buckets of 4 slots, each slot with its own checksum. A bucket's oldest slot makes room.
void mark_departed(const Dir& root, std::uint64_t owner, const ProcessStart& del) noexcept;
// Did a marked DEL of `owner` begin after this process? Damage is no mark.
bool departed_since(const Dir& root, std::uint64_t owner);

}  // namespace trestle::store
