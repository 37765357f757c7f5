// stdin of a verb, from text to the finished value: whatever the bytes, only base::Error may come out.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cni/json.h"
#include "cni/request.h"
#include "config/netconf.h"
#include "ipam/choose.h"

namespace {

using namespace trestle;

template <class F>
void only_errors(F&& body) {
  try {
    body();
  } catch (const base::Error&) {
    // A refusal is the other good answer.
  }
}

// A NetConf in hand is valid: what follows from it may not fail.
void use(const config::NetConf& conf) {
  for (const ipam::RangeSet& set : conf.ipam.ranges) {
    if (ipam::capacity(set) == 0 || ipam::text(set).empty()) __builtin_trap();
    const auto ip = ipam::next_free(set, set.front().first, [](const net::Ip&) -> ipam::Chunk { return nullptr; });
    if (!ip || ipam::range_of(set, *ip) == nullptr) __builtin_trap();
  }
  only_errors([&] { (void)ipam::match(conf.ipam.ranges, conf.requested_ips); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  only_errors([&] {
    const cni::Json json = cni::parse_json(text);
    only_errors([&] { (void)config::parse_settings(json, std::nullopt); });
    (void)config::parse_settings(json, std::nullopt, config::OnBadSetting::ignore);
    for (const cni::Command command : {cni::Command::gc, cni::Command::del})
      only_errors([&] { (void)config::parse_minimal(json, command); });
    only_errors([&] { use(config::parse(json, {})); });
  });
  return 0;
}
