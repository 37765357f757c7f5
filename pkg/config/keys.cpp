#include "config/keys.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace trestle::config {
namespace {

using cni::Field;
using cni::Json;

// For people: the value where it is short and simple, its shape where it is not. Nothing of a whole object is echoed.
std::string shown(const Json& value) {
  if (value.is_object()) return value.empty() ? "{}" : "{…}";
  if (value.is_array()) return value.empty() ? "[]" : "[…]";
  if (value.is_string()) return '"' + base::printable(value.get_ref<const std::string&>(), 40) + '"';
  return value.dump();
}

std::string about(const std::string& path, const Json& value) {
  return '"' + base::printable(path) + "\" (value " + shown(value) + ")";
}

const Key* find_key(std::span<const Key> table, std::string_view name) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const Key& key) { return key.name == name; });
  return at == table.end() ? nullptr : &*at;
}

// Comments, and what belongs to a domain: "cni.dev/valid-attachments", "example.org/x".
bool is_let_through(std::string_view name) { return name.starts_with('_') || name.find('.') != name.npos; }

std::string unknown(std::span<const Key> table, std::string_view name) {
  std::vector<std::string_view> ours, all;
  for (const Key& key : table) {
    if (key.fate != Fate::foreign) ours.push_back(key.name);
    all.push_back(key.name);
  }
  if (const std::string near = base::nearest(name, ours); !near.empty())
    return "is not a known key: did you mean \"" + near + "\"?";
  const Key* other = find_key(table, base::nearest(name, all));
  return other == nullptr ? "is not a known key" : "is not a known key: " + std::string(other->advice);
}

// Why the member `name` cannot pass; empty when it can.
std::string fault(std::span<const Key> table, std::string_view name) {
  const Key* key = find_key(table, name);
  if (key == nullptr) return is_let_through(name) ? "" : unknown(table, name);
  switch (key->fate) {
    case Fate::known:
      return {};
    case Fate::foreign:
      return "is not a known key: " + std::string(key->advice);
  }
  return {};
}

}  // namespace

void check_keys(const Field& object, std::span<const Key> table) {
  object.must_be_object();
  std::vector<std::string> faults;
  for (const auto& [name, value] : object.raw().get_ref<const Json::object_t&>()) {
    const std::string why = fault(table, name);
    if (!why.empty())
      faults.push_back(about(object.path().empty() ? name : object.path() + "." + name, value) + " " + why);
    if (faults.size() == 20) break;
  }
  if (faults.empty()) return;
  const std::string first = faults.front();
  throw base::Error(base::Code::unsupported_field, first, faults.size() == 1 ? "" : base::join(faults, "\n"));
}

std::string choose(const Field& field, std::span<const Choice> choices) {
  const std::string text = field.string();
  std::vector<std::string> accepted;
  for (const Choice& choice : choices) {
    if (choice.now && choice.word == text) return text;
    if (choice.now) accepted.emplace_back(choice.word);
  }
  const bool later = std::any_of(choices.begin(), choices.end(), [&](const Choice& c) { return c.word == text; });
  unsupported(field, std::string(later ? "is not supported yet: it comes with a later release" : "is not known") +
                         "; accepted: " + base::join(accepted, ", "));
}

void unsupported(const Field& field, const std::string& why) {
  throw base::Error(base::Code::unsupported_field, about(field.path(), field.raw()) + " " + why);
}

}  // namespace trestle::config
