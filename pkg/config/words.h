#pragma once
#include <string_view>

namespace trestle::config {

// Transport protocols with ports, as hostAccess and portMappings name them.
inline constexpr std::string_view kProtocols[] = {"tcp", "udp", "sctp"};

}  // namespace trestle::config
