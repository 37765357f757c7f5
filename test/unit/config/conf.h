#pragma once
// A configuration for a test: the least that is valid, with some keys set, or taken out by the value "absent!".
#include <functional>
#include <string>

#include "base/error.h"
#include "cni/json.h"
#include "config/netconf.h"

namespace trestle::test {

inline cni::Json conf_json(const std::string& patch = "{}") {
  cni::Json json = {{"cniVersion", "1.1.0"}, {"name", "lan"}, {"type", "trestle"}, {"subnets", {"10.88.0.0/16"}}};
  // Not merge_patch(): there, null takes a key away, and null is a value that configurations have.
  const cni::Json changes = cni::parse_json(patch);
  for (const auto& [key, value] : changes.items()) {
    if (value == "absent!")
      json.erase(key);
    else
      json[key] = value;
  }
  return json;
}

inline config::NetConf parsed(const std::string& patch = "{}", const cni::Args& args = {}) {
  return config::parse(conf_json(patch), args);
}

struct Refusal {
  int code = 0;  // 0: not refused
  std::string message, details;
};

inline Refusal refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const base::Error& e) {
    return {static_cast<int>(e.code), e.what(), e.details};
  }
  return {};
}

inline Refusal refusal(const std::string& patch) {
  return refusal([&] { parsed(patch); });
}

}  // namespace trestle::test
