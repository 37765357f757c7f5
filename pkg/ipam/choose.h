#pragma once
// Which pool answers which request, and which address comes next: pure; the store brings the bits.
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ipam/range.h"

namespace trestle::ipam {

// One address to get: from `set`, this very one when `wanted` is set. `set` points into the caller's sets.
struct Want {
  const RangeSet* set = nullptr;
  std::optional<net::Ip> wanted;
};

// Matches requested addresses to the sets. Throws Error{bad_config}: a request in no set, two in one set, a prefix
// length that is not the range's, the gateway or an excluded address asked for. Sets without a request get one without
// `wanted`.
std::vector<Want> match(const std::vector<RangeSet>& sets, const std::vector<net::Cidr>& requested);

// Finds a free address of `set`, round robin after `cursor` (nullopt: from the start), in whole chunks of 4096.
// `used(base)` gives the 4096-bit map (64 words, bit i = base + i taken) of the chunk at `base` (a multiple of 4096),
// or nullptr when nothing in it is taken. Costs O(chunks passed), never O(addresses). nullopt: full.
using Chunk = const std::uint64_t*;
std::optional<net::Ip> next_free(const RangeSet& set, const std::optional<net::Ip>& cursor,
                                 const std::function<Chunk(const net::Ip& base)>& used);

// Where a VM's address is looked for first: the same one in every process and on every node with the same ranges, so that a VM gets its
// address again long after it was given up, unless somebody has it. Among the pool's first 2^20 addresses: a place anywhere in a /64 would
// cost each VM a block of the index.
net::Ip preferred(const RangeSet& set, std::uint64_t hash);

}  // namespace trestle::ipam
