#pragma once
// `device` and `tap`, and what CNI_ARGS say of a TAP in the words of tc-redirect-tap.
#include <optional>

#include "cni/json.h"
#include "cni/request.h"
#include "config/tap.h"

namespace trestle::config {

// nullopt: device veth. Throws Error{bad_config} with the path, Error{unsupported_field} for unknown keys and devices, {bad_environment} for
// TC_REDIRECT_TAP_* that cannot be; these win over `tap`, because they are of the one pod.
std::optional<Tap> parse_device(const cni::Field& conf, const cni::Args& args);

}  // namespace trestle::config
