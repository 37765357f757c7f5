#pragma once
// What every verb needs to know of the configuration, and nothing more.
#include <string>

#include "cni/json.h"

namespace trestle::config {

struct Identity {
  std::string cni_version, name;
};

// Throws Error{decode} when the document is no object, {incompatible_version}, {bad_config} for a missing or malformed
// name.
Identity parse_identity(const cni::Field& conf);

}  // namespace trestle::config
