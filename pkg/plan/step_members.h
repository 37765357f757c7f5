#pragma once
// Typed access to the members of a Step in a record. Each throws Error{store} for what is missing or of another type.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "plan/step.h"

namespace trestle::plan::members {

using Json = nlohmann::json;

[[noreturn]] void bad(const std::string& what);
const Json& member(const Json& json, const char* key);
std::string string(const Json& json, const char* key);
bool flag(const Json& json, const char* key);
std::optional<std::uint32_t> maybe_number(const Json& json, const char* key);
std::uint32_t number(const Json& json, const char* key);
const Json& array(const Json& json, const char* key);
std::string item(const Json& value, const char* key);
Where where(const std::string& word);
Table table(const std::string& word);
LinkRef link_ref(const std::string& word);
net::IfName host_link(const std::string& word);
net::IfName link_name(const Json& json, const char* key);
std::uint16_t short_number(const Json& value, const char* key);
std::optional<std::uint16_t> maybe_short(const Json& json, const char* key);
std::optional<net::Ip> maybe_ip(const Json& json, const char* key);

}  // namespace trestle::plan::members
