#pragma once
#include <cstdint>

namespace trestle::kernel {

// Routes and next hops to peers, and a pod's policy rules, carry it (rtm_protocol, nh_protocol, FRA_PROTOCOL): what is not ours is left alone. Nobody else's: FRR has 186 to 198, and
// zebra takes what it finds there (193 is its LDP) for its own, and away.
inline constexpr std::uint8_t kOurProtocol = 84;

}  // namespace trestle::kernel
