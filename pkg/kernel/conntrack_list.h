#pragma once
// /proc/net/nf_conntrack, the kernel's own list: on a host with few connections it is read ten times as fast as a netlink dump that finds
// nothing, which locks each of up to 262,144 hash buckets (6 ms of an ADD).
#include <cstdint>
#include <set>
#include <string_view>

namespace trestle::kernel {

// Has a line of this text a UDP flow whose destination port, in either direction, is one of `ports`?
bool lists_udp_to(std::string_view text, const std::set<std::uint16_t>& ports);

// false: this namespace (the calling thread's) has no UDP flow to one of `ports`. true: it may have one; to be asked by netlink.
bool may_track_udp_to(const std::set<std::uint16_t>& ports);

}  // namespace trestle::kernel
