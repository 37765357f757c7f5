#include "plan/step_members.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "plan/step_text.h"

namespace trestle::plan::members {

[[noreturn]] void bad(const std::string& what) {
  throw base::Error(base::Code::store,
                    "record: a step's " + what + " is damaged; 'trestle repair' or a DEL and a new ADD mend it");
}

const Json& member(const Json& json, const char* key) {
  if (!json.is_object()) bad(key);
  const auto it = json.find(key);
  if (it == json.end()) bad(key);
  return *it;
}

std::string string(const Json& json, const char* key) {
  const Json& value = member(json, key);
  if (!value.is_string()) bad(key);
  return value.get<std::string>();
}

bool flag(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end()) return false;
  if (!it->is_boolean()) bad(key);
  return it->get<bool>();
}

std::optional<std::uint32_t> maybe_number(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end()) return std::nullopt;
  if (!it->is_number_unsigned() || it->get<std::uint64_t>() > 0xffffffffU) bad(key);
  return it->get<std::uint32_t>();
}

std::uint32_t number(const Json& json, const char* key) {
  const auto value = maybe_number(json, key);
  if (!value) bad(key);
  return *value;
}

const Json& array(const Json& json, const char* key) {
  const Json& value = member(json, key);
  if (!value.is_array()) bad(key);
  return value;
}

std::string item(const Json& value, const char* key) {
  if (!value.is_string()) bad(key);
  return value.get<std::string>();
}

Where where(const std::string& word) {
  for (const Where w : {Where::host, Where::pod})
    if (text(w) == word) return w;
  bad("ns");
}

Table table(const std::string& word) {
  for (const Table t : {Table::inet, Table::bridge})
    if (text(t) == word) return t;
  bad("table");
}

LinkRef link_ref(const std::string& word) {
  const auto colon = word.find(':');
  if (colon == std::string::npos) bad("link");
  return {where(word.substr(0, colon)), net::IfName::parse(std::string_view(word).substr(colon + 1))};
}

net::IfName host_link(const std::string& word) {
  const LinkRef link = link_ref(word);
  if (link.where != Where::host) bad("link");
  return link.name;
}

net::IfName link_name(const Json& json, const char* key) { return net::IfName::parse(string(json, key)); }

std::uint16_t short_number(const Json& value, const char* key) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0xffff) bad(key);
  return value.get<std::uint16_t>();
}

std::optional<std::uint16_t> maybe_short(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(short_number(json.at(key), key)) : std::nullopt;
}

std::optional<net::Ip> maybe_ip(const Json& json, const char* key) {
  return json.contains(key) ? std::optional(net::Ip::parse(string(json, key))) : std::nullopt;
}

}  // namespace trestle::plan::members
