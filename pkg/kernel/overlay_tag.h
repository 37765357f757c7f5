#pragma once
#include <cstdint>

namespace trestle::kernel {

// Routes and next hops to peers carry it (rtm_protocol, nh_protocol): what is not ours is left alone. Free in rt_protos and FRR's list.
inline constexpr std::uint8_t kOverlayProtocol = 193;

}  // namespace trestle::kernel
