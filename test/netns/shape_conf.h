#pragma once
// Bandwidth as a runtime hands it over: bits per second, bits.
#include <cstdint>
#include <nlohmann/json.hpp>

#include "verbs_node.h"

namespace trestle::test {

constexpr std::uint64_t kBurst = 1'600'000;  // 200,000 bytes: three of the largest segments that a host makes
constexpr std::uint64_t kMbit = 1'000'000;

inline nlohmann::json limits(std::uint64_t ingress, std::uint64_t egress, std::uint64_t burst = kBurst) {
  nlohmann::json out = nlohmann::json::object();
  if (ingress != 0) out.update({{"ingressRate", ingress}, {"ingressBurst", burst}});
  if (egress != 0) out.update({{"egressRate", egress}, {"egressBurst", burst}});
  return out;
}
// "demo" with other members and these limits.
inline nlohmann::json limited(const nlohmann::json& bandwidth,
                              const nlohmann::json& members = nlohmann::json::object()) {
  nlohmann::json conf = demo_with({{"capabilities", {{"bandwidth", true}}}});
  conf.update(members);
  conf["runtimeConfig"] = {{"bandwidth", bandwidth}};
  return conf;
}

}  // namespace trestle::test
