#include "base/text.h"
#include "cni/json.h"

namespace trestle::cni {

namespace {

bool is_empty_template(const Json& value) {
  if (value.is_number_integer()) return value == 0;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return (value.is_null() || value.is_structured()) && value.empty();
}

}  // namespace

void Field::refuse(const std::string& why) const {
  throw base::Error(base::Code::bad_config, path_.empty() ? why : path_ + ": " + why);
}

void Field::must_be_object() const {
  if (!value_->is_object()) refuse("must be an object");
}

bool Field::has(std::string_view key) const { return value_->is_object() && value_->contains(key); }

std::optional<Field> Field::find_any(std::string_view key) const {
  must_be_object();
  const auto at = value_->find(key);
  if (at == value_->end() || at->is_null()) return std::nullopt;
  const std::string name = base::printable(key);
  return Field(*at, path_.empty() ? name : path_ + "." + name);
}

std::optional<Field> Field::find(std::string_view key) const {
  auto member = find_any(key);
  if (member && is_empty_template(member->raw())) return std::nullopt;
  return member;
}

Field Field::at(std::string_view key) const {
  auto member = find_any(key);
  if (!member) refuse(base::printable(key) + " is missing");
  return *member;
}

std::vector<Field> Field::items() const {
  if (!value_->is_array()) refuse("must be an array");
  std::vector<Field> fields;
  fields.reserve(value_->size());
  for (const Json& item : *value_) fields.emplace_back(item, path_ + "[" + std::to_string(fields.size()) + "]");
  return fields;
}

std::vector<std::string> Field::keys() const {
  must_be_object();
  std::vector<std::string> names;
  names.reserve(value_->size());
  for (const auto& member : value_->items()) names.push_back(member.key());
  return names;
}

std::string Field::string() const {
  if (!value_->is_string()) refuse("must be a string");
  return value_->get<std::string>();
}

bool Field::boolean() const {
  if (!value_->is_boolean()) refuse("must be true or false");
  return value_->get<bool>();
}

std::int64_t Field::integer(std::int64_t low, std::int64_t high) const {
  // As unsigned first: get<int64_t>() of 2^63 is negative.
  const bool too_big =
      value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (value_->is_number_integer() && !too_big) {
    const auto number = value_->get<std::int64_t>();
    if (number >= low && number <= high) return number;
  }
  refuse("must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
}

}  // namespace trestle::cni
