#pragma once
// Which keys an object of the configuration may have, as tables.
#include <span>
#include <string>
#include <string_view>

#include "cni/json.h"

namespace trestle::config {

enum class Fate : std::uint8_t {
  known,    // ours and read, or another's and let through
  foreign,  // another plugin's name for something; `advice` says ours
};

struct Key {
  std::string_view name;
  Fate fate = Fate::known;
  std::string_view advice = {};
};

// Tables of the configuration's objects. Keys of cni.dev and the like (with a dot) and comments ("_…") are let through
// everywhere.
std::span<const Key> conf_keys();
std::span<const Key> ipam_keys();
std::span<const Key> range_keys();
std::span<const Key> route_keys();
std::span<const Key> dns_keys();
std::span<const Key> uplink_keys();
std::span<const Key> trunk_keys();    // an item of vlanTrunk
std::span<const Key> mapping_keys();  // an item of portMappings
std::span<const Key> bandwidth_keys();
std::span<const Key> tap_keys();
std::span<const Key> runtime_keys();      // runtimeConfig: the capabilities
std::span<const Key> runtime_dns_keys();  // its dns has names of its own

// Throws Error{unsupported_field} for the first key of `object` that the table does not let pass: key, value and what
// to do; `details` has a line for each of them. Keys are compared exactly: "Mode" is no "mode".
void check_keys(const cni::Field& object, std::span<const Key> table);

// A word of a fixed list, `now` telling whether this release knows it.
struct Choice {
  std::string_view word;
  bool now = true;
};
// The field's text when the list has it for now. Throws Error{unsupported_field} with key, value and the list
// otherwise.
std::string choose(const cni::Field& field, std::span<const Choice> choices);

// Error{unsupported_field}: `"<path>" (value <value>) <why>`.
[[noreturn]] void unsupported(const cni::Field& field, const std::string& why);

}  // namespace trestle::config
