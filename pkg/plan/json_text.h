#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trestle::plan {

// What json.dump() gives, without spaces; bytes that are no UTF-8 become U+FFFD. Texts of plain ASCII, as nearly all of a record's are, are
// copied whole: nlohmann's serializer takes each byte through its UTF-8 decoder, which was a twentieth of an ADD. At most as deep as what
// the parser let in.
std::string json_text(const nlohmann::json& value);
void append_json_text(std::string& out, std::string_view text);  // as a JSON string

}  // namespace trestle::plan
