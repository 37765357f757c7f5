#include "plan/json_text.h"

#include <algorithm>
#include <charconv>

namespace trestle::plan {

void append_json_text(std::string& out, std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (plain)
    out.append(1, '"').append(text).append(1, '"');
  else
    out.append(nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

namespace {

using Json = nlohmann::json;

template <class N>
void put_number(std::string& out, N number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void put(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object: {
      char before = '{';
      for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
        out += before;
        append_json_text(out, key);
        out += ':';
        put(out, member);
        before = ',';
      }
      out.append(before == '{' ? "{}" : "}");
      return;
    }
    case Json::value_t::array: {
      char before = '[';
      for (const Json& element : value) {
        out += before;
        put(out, element);
        before = ',';
      }
      out.append(before == '[' ? "[]" : "]");
      return;
    }
    case Json::value_t::string:
      return append_json_text(out, value.get_ref<const std::string&>());
    case Json::value_t::number_unsigned:
      return put_number(out, value.get<std::uint64_t>());
    case Json::value_t::number_integer:
      return put_number(out, value.get<std::int64_t>());
    case Json::value_t::boolean:
    case Json::value_t::null:
    case Json::value_t::number_float:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      out.append(value.dump());
  }
}

}  // namespace

std::string json_text(const Json& value) {
  std::string out;
  put(out, value);
  return out;
}

}  // namespace trestle::plan
