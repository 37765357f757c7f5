#pragma once
// Address ranges: pure arithmetic over 128-bit numbers, so that /8 and /64 cost what /29 costs.
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"

namespace trestle::ipam {

// One range of a pool: first..last of `subnet`, less its gateway and exclusions.
struct Range {
  net::Cidr subnet;                  // network, host bits zero
  net::Ip first, last;               // inclusive, inside subnet
  std::optional<net::Ip> gateway;    // never given out
  std::vector<net::Cidr> exclude;    // never given out
  std::optional<net::Ip> node = {};  // the host's own on a segment over many nodes; among `exclude`
  bool operator==(const Range&) const = default;
};

// A pool: ranges of one family, one address is taken from it. Never empty, never overlapping.
using RangeSet = std::vector<Range>;

// What a config may say of one range; absent ends are derived: first = network + 1, last = broadcast - 1 (IPv6: the
// last), except /31 and /127 (both addresses) and /32 and /128 (the one); gateway = first address of the subnet
// (network + 1; /31, /127: the lower one). A /32 or /128 has no gateway of its own: absent unless given.
struct RangeSpec {
  net::Cidr subnet;
  std::optional<net::Ip> first, last, gateway;
  std::vector<net::Cidr> exclude;
  bool operator==(const RangeSpec&) const = default;
};

// Throws Error{bad_config} with `path` in front: ends outside the subnet, first > last, a range of which nothing is
// left, families mixed, an exclusion that meets nothing of the subnet. A gateway outside the subnet is allowed (it is
// reached on-link). Given ends that are the network's own or its broadcast address are moved inward by one: no host can
// have those.
Range make_range(const RangeSpec& spec, const std::string& path);
// The prefix of which no pod can have addresses that `subnet` meets: "127.0.0.0/8". nullptr: none.
const char* reserved(const net::Cidr& subnet);
// Why no host can have this address with this prefix, as "is the broadcast address of 10.0.0.0/24"; nullopt: one can.
std::optional<std::string> unfit(const net::Cidr& address);
// A pool of all of `subnet`, unless there is one with that gateway: what follows from a subnet follows from an address that somebody else
// gave, too.
void add_network(std::vector<RangeSet>& sets, const net::Cidr& subnet, const std::optional<net::Ip>& gateway);
// Throws Error{bad_config}: an empty set, mixed families, overlapping ranges (inside a set or between sets), a gateway
// that another range would give to a pod.
void check_sets(const std::vector<RangeSet>& sets);
// Narrows every range to part number `index`, from 0, of its subnet, each `prefix` long. nullopt: nothing of the set is in that part.
std::optional<RangeSet> part_of(const RangeSet& set, std::uint8_t prefix, std::uint32_t index);
// The addresses of `range` that may be given out, as disjoint inclusive stretches in ascending order: first..last cut
// at the gateway and the exclusions. Not empty for what make_range() made.
struct Span {
  net::U128 first = 0, last = 0;
};
std::vector<Span> spans(const Range& range);
// Keeps the last address of the first range for the host itself, if a pod has another one left. nullopt: not.
std::optional<net::Ip> keep_for_node(RangeSet& set);
// Has it all addresses of its subnet, as one without given ends has?
bool is_whole(const Range& range);
// May this address be given out from `range`? Inside first..last, not the gateway, not excluded.
bool usable(const Range& range, const net::Ip& ip);
// How many addresses the pool can give in all (saturating at 2^63), and the gateway for an address of it.
std::uint64_t capacity(const RangeSet& set);
// The range that may give `ip`, or nullptr.
const Range* range_of(const RangeSet& set, const net::Ip& ip);
// "10.88.0.2-10.88.255.254" with "," between ranges: for messages.
std::string text(const RangeSet& set);

}  // namespace trestle::ipam
