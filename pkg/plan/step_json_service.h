#pragma once
#include <nlohmann/json_fwd.hpp>

#include "plan/service_step.h"

namespace trestle::plan {

nlohmann::json service_json(const Service& service);
nlohmann::json guest_host_json(const GuestHost& host);
// Throw Error{store} for what is no such Step.
Service service_from_json(const nlohmann::json& json);
GuestHost guest_host_from_json(const nlohmann::json& json);

}  // namespace trestle::plan
