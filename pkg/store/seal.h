#pragma once
// One JSON object per file, its checksum in the last key: `jq` reads it, and a flipped bit is seen before any parser is.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace trestle::store {

// `{…}` -> `{…,"sum":"0123456789abcdef"}` and a newline. `object` is the text of a JSON object with at least one key.
std::string seal(std::string object);
// The text before the sum, closed again with '}'; nullopt when the checksum is wrong.
std::optional<std::string> unseal(std::string_view text);
// As unseal(), without the closing brace and without a copy.
std::optional<std::string_view> sealed_part(std::string_view text) noexcept;
// A sealed file's object. Throws Error{store} with the reason, never anything else: checksum, JSON, nesting.
nlohmann::json parse_sealed(std::string_view text);
// JSON of one line; bytes that are no UTF-8 are replaced.
std::string dump(const nlohmann::json& json);

}  // namespace trestle::store
