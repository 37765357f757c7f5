#include "ipam/choose.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace trestle::ipam {
namespace {

using net::Cidr;
using net::Ip;
using net::U128;

constexpr unsigned kChunk = 4096;

[[noreturn]] void refuse(const Cidr& request, const std::string& why) {
  throw base::Error(base::Code::bad_config, "requested address " + request.ip.str() + " " + why);
}

// Why no set can give `request`.
[[noreturn]] void explain(const std::vector<RangeSet>& sets, const Cidr& request) {
  std::string pools;
  for (const RangeSet& set : sets) {
    for (const Range& range : set) {
      if (range.gateway == request.ip) refuse(request, "is the gateway of " + range.subnet.str());
      for (const Cidr& gone : range.exclude)
        if (range.subnet.contains(request.ip) && gone.contains(request.ip))
          refuse(request, "is excluded by " + gone.str());
    }
    pools += (pools.empty() ? "" : "; ") + text(set);
    if (pools.size() > 400) break;
  }
  refuse(request, sets.empty() ? "cannot be given: the network has no address ranges"
                               : "lies in no range of the network: " + pools);
}

// The first bit of from..to (inclusive, below 4096) that is not set.
std::optional<unsigned> first_clear(Chunk map, unsigned from, unsigned to) {
  if (map == nullptr) return from;
  for (unsigned word = from / 64; word <= to / 64; ++word) {
    std::uint64_t taken = map[word];
    if (word == from / 64) taken |= (std::uint64_t{1} << (from % 64)) - 1;
    if (taken == ~std::uint64_t{0}) continue;
    const unsigned bit = word * 64 + static_cast<unsigned>(std::countr_one(taken));
    if (bit <= to) return bit;
    return std::nullopt;
  }
  return std::nullopt;
}

using Used = std::function<Chunk(const Ip& base)>;

std::optional<Ip> free_within(net::Family family, const Span& span, const Used& used) {
  U128 base = span.first - span.first % kChunk;
  auto from = static_cast<unsigned>(span.first - base);
  for (;;) {
    const U128 reach = span.last - base;
    const unsigned to = reach < kChunk ? static_cast<unsigned>(reach) : kChunk - 1;
    if (const auto bit = first_clear(used({family, base}), from, to)) return Ip{family, base + *bit};
    // Asked before the sum: the last chunk may end at the last number there is.
    if (reach < kChunk) return std::nullopt;
    base += kChunk;
    from = 0;
  }
}

}  // namespace

std::vector<Want> match(const std::vector<RangeSet>& sets, const std::vector<Cidr>& requested) {
  std::vector<Want> wants;
  wants.reserve(sets.size());
  for (const RangeSet& set : sets) wants.push_back({&set, std::nullopt});
  for (const Cidr& request : requested) {
    const Range* range = nullptr;
    const auto want = std::find_if(wants.begin(), wants.end(), [&](const Want& w) {
      range = range_of(*w.set, request.ip);
      return range != nullptr;
    });
    if (want == wants.end()) explain(sets, request);
    if (request.length != request.ip.bits() && request.length != range->subnet.length)
      refuse(request, "was asked for with prefix length /" + std::to_string(request.length) + ", but its subnet is " +
                          range->subnet.str());
    if (want->wanted)
      refuse(request, "and " + want->wanted->str() + " are both of the pool " + text(*want->set) +
                          ", which gives one address to each interface");
    want->wanted = request.ip;
  }
  return wants;
}

std::optional<Ip> next_free(const RangeSet& set, const std::optional<Ip>& cursor, const Used& used) {
  const auto holds_cursor = [&](const Range& range) {
    return cursor && *cursor >= range.first && *cursor <= range.last;
  };
  const auto start = std::find_if(set.begin(), set.end(), holds_cursor);

  // The pool as one ring of spans that begins just behind the cursor.
  std::vector<Span> ring, before;
  const auto add = [](std::vector<Span>& to, const Range& range) {
    const std::vector<Span> more = spans(range);
    to.insert(to.end(), more.begin(), more.end());
  };
  for (auto at = set.begin(); at != set.end(); ++at) {
    if (at != start) {
      add(start == set.end() || at > start ? ring : before, *at);
      continue;
    }
    for (const Span& span : spans(*at)) {
      if (span.first <= cursor->value) before.push_back({span.first, std::min(span.last, cursor->value)});
      if (span.last > cursor->value) ring.push_back({std::max(span.first, cursor->value + 1), span.last});
    }
  }
  ring.insert(ring.end(), before.begin(), before.end());

  for (const Span& span : ring)
    if (const auto ip = free_within(set.front().first.family, span, used)) return ip;
  return std::nullopt;
}

Ip preferred(const RangeSet& set, std::uint64_t hash) {
  constexpr std::uint64_t kMost = 1U << 20;
  U128 left = hash % std::min(capacity(set), kMost);
  for (const Range& range : set)
    for (const Span& span : spans(range)) {
      if (left <= span.last - span.first) return {range.first.family, span.first + left};
      left -= span.last - span.first + 1;
    }
  throw base::Error(base::Code::bug, "a pool has fewer addresses than it says");
}

}  // namespace trestle::ipam
