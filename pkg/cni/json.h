#pragma once
// Text <-> JSON at the edge, with the limits that hostile input asks for, and typed access whose errors carry the path.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace trestle::cni {

using Json = nlohmann::json;

inline constexpr std::size_t kMaxInput = 1U << 20;  // bytes of stdin
inline constexpr int kMaxDepth = 32;
// Scalars, arrays and objects in one document: a MiB of "{}," would need 40 MB as a tree. A GC list that fills the MiB
// has 85,000.
inline constexpr std::size_t kMaxValues = 1U << 17;

// Parses one document. Refused with Error{decode} that says where (line and byte, never the text itself): more than
// kMaxInput bytes or kMaxValues values, nesting deeper than kMaxDepth, a key twice in one object (also when the two differ
// in case only: Go would take either), NUL anywhere, invalid UTF-8, a byte order mark, trailing text, an integer beyond
// 64 bits, a number beyond a double.
Json parse_json(std::string_view text);
// The same for a record of ours: `code` in place of decode.
Json parse_json(std::string_view text, base::Code code);
// Of a file that may be larger than what a runtime says.
Json parse_json(std::string_view text, base::Code code, std::size_t most_bytes, std::size_t most_values);

// A JSON value together with its path ("ipam.ranges[0][1].subnet"; "" for the document), for errors that name the place.
// It points into the document, which must outlive it. All getters throw Error{bad_config}: "ipam.subnet: must be a string".
// Integers must be integers within [low, high]: 1.5, 1e9, true and "5" are refused, where nlohmann's own get<int>() silently
// cuts.
class Field {
 public:
  Field(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}
  const Json& raw() const { return *value_; }
  const std::string& path() const { return path_; }
  bool has(std::string_view key) const;  // an object with that key, whatever its value
  // The member, or nullopt when it is absent or an empty template value: "", 0, null, [], {}. Throws when this is no object.
  std::optional<Field> find(std::string_view key) const;
  // The same where 0, "", [] and {} mean something: nullopt when it is absent or null.
  std::optional<Field> find_any(std::string_view key) const;
  Field at(std::string_view key) const;   // throws when absent
  std::vector<Field> items() const;       // of an array
  std::vector<std::string> keys() const;  // of an object
  std::string string() const;
  bool boolean() const;
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  [[noreturn]] void refuse(const std::string& why) const;  // Error{bad_config, "<path>: <why>"}
  void must_be_object() const;

 private:
  const Json* value_;
  std::string path_;
};

}  // namespace trestle::cni
