#pragma once
// The numbers of our next hops: what is whose can be read from them. A peer has one through the tunnel and, where it stands in our own segment
// and that is wanted, one past it; both have the same place.
#include <cstdint>

namespace trestle::overlay {

constexpr std::uint32_t kThroughTunnel = 0x40000000, kPastTunnel = 0x80000000, kPlaces = 0x3fffffff;

constexpr bool is_past_tunnel(std::uint32_t id) { return (id & ~kPlaces) == kPastTunnel; }
constexpr std::uint32_t place_in(std::uint32_t id) { return id & kPlaces; }

}  // namespace trestle::overlay
