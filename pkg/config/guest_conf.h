#pragma once
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::config {

// The key guestServices; nullopt when it is absent or asks for nothing. `conf` is all else that is known by now. Throws Error{bad_config}
// where the network cannot have them: mode `bridge` and chained (the LAN, or the other plugin, has its own), another plugin's IPAM, no
// addresses, a prefix or gateway that the protocols cannot tell.
std::optional<GuestServices> parse_guests(const cni::Field& conf, const cni::Args& args, const NetConf& out);

}  // namespace trestle::config
