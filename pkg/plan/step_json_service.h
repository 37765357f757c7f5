#pragma once
#include <nlohmann/json_fwd.hpp>

#include "plan/json_writer.h"
#include "plan/service_step.h"

namespace trestle::plan {

// The members of the Step's object.
void put_service(JsonObject& json, const Service& service);
void put_guest_host(JsonObject& json, const GuestHost& host);
// Throw Error{store} for what is no such Step.
Service service_from_json(const nlohmann::json& json);
GuestHost guest_host_from_json(const nlohmann::json& json);

}  // namespace trestle::plan
