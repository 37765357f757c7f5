#include "ipam/range.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trestle::ipam {
namespace {

using net::Cidr;
using net::Family;
using net::Ip;
using net::U128;

constexpr std::uint64_t kSaturated = std::uint64_t{1} << 63;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw base::Error(base::Code::bad_config, path.empty() ? why : path + ": " + why);
}

// A subnet of one or two addresses has no network's own address and no broadcast address (RFC 3021, RFC 6164).
bool has_own_address(const Cidr& subnet) { return subnet.ip.bits() - subnet.length >= 2; }

Ip lowest_host(const Cidr& subnet) {
  Ip ip = subnet.first();
  if (has_own_address(subnet)) ++ip.value;
  return ip;
}

Ip highest_host(const Cidr& subnet) {
  Ip ip = subnet.last();
  if (has_own_address(subnet) && ip.family == Family::v4) --ip.value;
  return ip;
}

void check_end(const Cidr& subnet, const std::optional<Ip>& given, const std::string& path, const char* key) {
  if (given && !subnet.contains(*given))
    refuse(path, std::string(key) + " " + given->str() + " lies outside the subnet " + subnet.str());
}

void check_gateway(const Cidr& subnet, const Ip& gateway, const std::string& path) {
  const std::string what = "gateway " + gateway.str();
  if (gateway.family != subnet.ip.family) refuse(path, what + " is not of the family of the subnet " + subnet.str());
  if (gateway.is_unspecified() || gateway.is_multicast() || gateway.is_loopback())
    refuse(path, what + " is no address of a host");
  if (gateway.family == Family::v4 && has_own_address(subnet) &&
      (gateway == subnet.first() || gateway == subnet.last()))
    refuse(path, what + " is the network's own or the broadcast address of " + subnet.str());
}

std::optional<Ip> default_gateway(const Cidr& subnet) {
  if (subnet.length == subnet.ip.bits()) return std::nullopt;
  return lowest_host(subnet);
}

std::string name_of(const Range& range) {
  return range.first.str() + "-" + range.last.str() + " of " + range.subnet.str();
}

}  // namespace

// A pod with such an address could not speak, or would speak as somebody else.
const char* reserved(const Cidr& subnet) {
  constexpr const char* kNoPods[] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8"};
  const auto* found =
      std::ranges::find_if(kNoPods, [&](const char* prefix) { return subnet.overlaps(Cidr::parse(prefix)); });
  return found == std::end(kNoPods) ? nullptr : *found;
}

std::optional<std::string> unfit(const Cidr& address) {
  if (const char* prefix = reserved(address.network()))
    return std::string("meets ") + prefix + ", which no pod can have addresses of";
  if (address.ip < lowest_host(address) || highest_host(address) < address.ip)
    return "is the network's own or the broadcast address of " + address.network().str();
  return std::nullopt;
}

Range make_range(const RangeSpec& spec, const std::string& path) {
  const Cidr& subnet = spec.subnet;
  if (subnet.ip != subnet.first())
    refuse(path, "subnet " + subnet.str() + " has host bits set: the network is " + subnet.network().str());
  check_end(subnet, spec.first, path, "rangeStart");
  check_end(subnet, spec.last, path, "rangeEnd");
  const Ip lowest = lowest_host(subnet), highest = highest_host(subnet);
  Range range{subnet, std::max(spec.first.value_or(lowest), lowest), std::min(spec.last.value_or(highest), highest),
              spec.gateway, spec.exclude};
  if (spec.first && spec.last && *spec.first > *spec.last)
    refuse(path, "rangeStart " + spec.first->str() + " comes after rangeEnd " + spec.last->str());
  if (range.gateway)
    check_gateway(subnet, *range.gateway, path);
  else
    range.gateway = default_gateway(subnet);
  for (const Cidr& gone : range.exclude)
    if (!gone.overlaps(subnet)) refuse(path, "exclude " + gone.str() + " meets nothing of the subnet " + subnet.str());
  if (spans(range).empty())
    refuse(path, "nothing is left to give out in " + subnet.str() + ": take the gateway and the exclusions off " +
                     range.first.str() + "-" + range.last.str());
  return range;
}

std::vector<Span> spans(const Range& range) {
  if (range.first > range.last) return {};
  std::vector<Span> holes;
  if (range.gateway && range.gateway->family == range.first.family)
    holes.push_back({range.gateway->value, range.gateway->value});
  for (const Cidr& gone : range.exclude)
    if (gone.ip.family == range.first.family) holes.push_back({gone.first().value, gone.last().value});
  std::sort(holes.begin(), holes.end(), [](const Span& a, const Span& b) { return a.first < b.first; });

  std::vector<Span> left;
  U128 next = range.first.value;
  for (const Span& hole : holes) {
    if (hole.last < next) continue;
    if (hole.first > range.last.value) break;
    if (hole.first > next) left.push_back({next, hole.first - 1});
    // Compared before the sum: the hole may end at the last number there is.
    if (hole.last >= range.last.value) return left;
    next = hole.last + 1;
  }
  left.push_back({next, range.last.value});
  return left;
}

void add_network(std::vector<RangeSet>& sets, const net::Cidr& subnet, const std::optional<net::Ip>& gateway) {
  const net::Cidr network = subnet.network();
  const bool there = std::any_of(sets.begin(), sets.end(), [&](const RangeSet& set) {
    return set.front().subnet == network && set.front().gateway == gateway;
  });
  if (!there) sets.push_back({Range{network, network.first(), network.last(), gateway, {}}});
}

void check_sets(const std::vector<RangeSet>& sets) {
  std::vector<const Range*> all;
  for (const RangeSet& set : sets) {
    if (set.empty()) refuse("", "a set of ranges is empty");
    for (const Range& range : set) {
      if (range.first.family != set.front().first.family)
        refuse("", "one set of ranges mixes IPv4 and IPv6: " + name_of(set.front()) + " and " + name_of(range));
      all.push_back(&range);
    }
  }
  // By number, so that many ranges cost n log n and not n * n.
  std::sort(all.begin(), all.end(), [](const Range* a, const Range* b) { return a->first < b->first; });
  for (std::size_t i = 1; i < all.size(); ++i)
    if (all[i - 1]->last >= all[i]->first)
      refuse("", "ranges overlap: " + name_of(*all[i - 1]) + " and " + name_of(*all[i]));
  for (const Range* range : all) {
    if (!range->gateway) continue;
    auto after = std::upper_bound(all.begin(), all.end(), *range->gateway,
                                  [](const Ip& ip, const Range* r) { return ip < r->first; });
    if (after != all.begin() && usable(**(after - 1), *range->gateway))
      refuse("", "the gateway " + range->gateway->str() + " of " + range->subnet.str() + " would be given out by " +
                     name_of(**(after - 1)));
  }
}

std::optional<net::Ip> keep_for_node(RangeSet& set) {
  if (capacity(set) < 2) return std::nullopt;
  Range& range = set.front();
  range.node = Ip{range.first.family, spans(range).back().last};
  range.exclude.push_back(Cidr::host(*range.node));
  return range.node;
}

bool is_whole(const Range& range) {
  return range.first == lowest_host(range.subnet) && range.last == highest_host(range.subnet);
}

bool usable(const Range& range, const Ip& ip) {
  if (ip < range.first || ip > range.last || ip == range.gateway) return false;
  return std::none_of(range.exclude.begin(), range.exclude.end(), [&](const Cidr& gone) { return gone.contains(ip); });
}

std::uint64_t capacity(const RangeSet& set) {
  std::uint64_t sum = 0;
  for (const Range& range : set) {
    for (const Span& span : spans(range)) {
      const U128 less_one = span.last - span.first;
      if (less_one >= kSaturated - sum) return kSaturated;
      sum += static_cast<std::uint64_t>(less_one) + 1;
    }
  }
  return sum;
}

const Range* range_of(const RangeSet& set, const Ip& ip) {
  const auto found = std::find_if(set.begin(), set.end(), [&](const Range& range) { return usable(range, ip); });
  return found == set.end() ? nullptr : &*found;
}

std::string text(const RangeSet& set) {
  std::vector<std::string> parts;
  for (const Range& range : set) {
    const std::vector<Span> left = spans(range);
    if (left.empty()) continue;
    const Family family = range.first.family;
    const std::string first = Ip{family, left.front().first}.str();
    const std::string last = Ip{family, left.back().last}.str();
    parts.push_back(first == last ? first : first + "-" + last);
  }
  return base::join(parts, ",");
}

std::optional<RangeSet> part_of(const RangeSet& set, std::uint8_t prefix, std::uint32_t index) {
  RangeSet out;
  for (const Range& range : set) {
    const int bits = range.subnet.ip.bits();
    if (prefix < range.subnet.length || prefix > bits) continue;
    const int width = prefix - range.subnet.length;
    if (width < 32 && (std::uint64_t{index} >> width) != 0) continue;
    const net::U128 first = range.subnet.first().value + (net::U128{index} << (bits - prefix));
    const net::Cidr part{{range.subnet.ip.family, first}, prefix};
    Range narrowed = range;
    narrowed.first = std::max(range.first, part.first());
    narrowed.last = std::min(range.last, part.last());
    if (narrowed.first <= narrowed.last && !spans(narrowed).empty()) out.push_back(narrowed);
  }
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace trestle::ipam
