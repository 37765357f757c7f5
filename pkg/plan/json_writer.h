#pragma once
// JSON of what we know the shape of, without a document: nlohmann's costs an allocation for each key, and made of a record's Steps it was a
// sixth of all that an ADD does outside the kernel.
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "plan/json_text.h"

namespace trestle::plan {

// Members in the order they are put; the braces are the constructor's and the destructor's.
//   JsonObject{out}("name", text)("mtu", 1500).list("tagged", ranges, [](std::string& out, const auto& range) { … });
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  JsonObject& operator()(std::string_view key, std::string_view value) {
    append_json_text(name(key), value);
    return *this;
  }
  JsonObject& operator()(std::string_view key, const char* value) { return (*this)(key, std::string_view(value)); }
  template <std::same_as<bool> B>
  JsonObject& operator()(std::string_view key, B value) {
    name(key) += value ? "true" : "false";
    return *this;
  }
  template <std::integral N>
  requires(!std::same_as<N, bool>) JsonObject& operator()(std::string_view key, N value) {
    number(name(key), value);
    return *this;
  }
  // `each(out, one)` appends the JSON of one.
  template <class Range, class F>
  JsonObject& list(std::string_view key, const Range& range, F&& each) {
    array(name(key), range, each);
    return *this;
  }
  // Of texts.
  template <class Range>
  JsonObject& list(std::string_view key, const Range& range) {
    return list(key, range, [](std::string& out, std::string_view text) { append_json_text(out, text); });
  }
  // A value that is JSON already; the key may be anything.
  JsonObject& raw(std::string_view key, std::string_view json) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_text(out_, key);
    out_.append(1, ':').append(json);
    return *this;
  }

  template <class Range, class F>
  static void array(std::string& out, const Range& range, F&& each) {
    out += '[';
    bool first = true;
    for (const auto& one : range) {
      if (!first) out += ',';
      first = false;
      each(out, one);
    }
    out += ']';
  }
  template <std::integral N>
  static void number(std::string& out, N value) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }

 private:
  std::string& name(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    return out_.append(1, '"').append(key).append("\":");
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace trestle::plan
