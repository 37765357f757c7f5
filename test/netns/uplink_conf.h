#pragma once
// A bridge network whose uplink carries the host's addresses.
#include <nlohmann/json.hpp>
#include <string>

#include "nat_guest.h"

namespace trestle::test {

inline nlohmann::json lan_conf(const nlohmann::json& members = nlohmann::json::object()) {
  const auto range = [](const char* subnet, const char* from, const char* gateway) {
    return nlohmann::json::array({{{"subnet", subnet}, {"rangeStart", from}, {"gateway", gateway}}});
  };
  nlohmann::json conf =
      demo_with({{"mode", "bridge"}, {"uplink", {{"links", {Lan::kUplink}}, {"takeAddresses", true}}}});
  conf.erase("subnets");
  conf["ipam"] = {{"ranges",
                   {range("192.0.2.0/24", "192.0.2.100", Lan::kOutside4),
                    range("2001:db8::/64", "2001:db8::100", Lan::kOutside6)}}};
  conf.update(members);
  return conf;
}

// What `ip` shows of addresses and routes that somebody gave the host, whichever link they are on.
inline std::string host_state() {
  wait_settled();  // a NIC that is no port or member any more has its multicast route when its carrier was noticed
  // Sorted: which of two NICs got its multicast route first is chance.
  return must_run(
      "{ ip -o addr; ip -o route show table all; ip -6 -o route show table all; } | grep -v fe80 | grep -v veth | "
      "sort");
}

// The host is reached at its own addresses, and reaches the LAN.
inline void check_host_lives(const Lan& lan, int patience_ms = 3000) {
  CHECK(ping(lan.netns(), Lan::kHost4, patience_ms) == Reach::connected);
  CHECK(ping(lan.netns(), Lan::kHost6, patience_ms) == Reach::connected);
}

}  // namespace trestle::test
