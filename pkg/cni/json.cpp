#include "cni/json.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;

// Tells the handler how far the parser has read: nlohmann's SAX events carry no position.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** seen) : at_(at), seen_(seen) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *seen_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    Cursor old = *this;
    ++*this;
    return old;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** seen_;
};

// Keys that Go's encoding/json takes for one another fold to one text. Besides ASCII it folds U+017F to 's' and U+212A to 'k'.
std::string fold(std::string_view key) {
  std::string folded;
  folded.reserve(key.size());
  for (std::size_t i = 0; i < key.size(); ++i) {
    const std::string_view rest = key.substr(i);
    if (rest.starts_with("\xc5\xbf")) {
      folded += 's';
      i += 1;
    } else if (rest.starts_with("\xe2\x84\xaa")) {
      folded += 'k';
      i += 2;
    } else {
      const char c = key[i];
      folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return folded;
}

// The library's own reason without the input it quotes, which stands behind "; last read: ".
std::string reason_of(const Json::exception& e) {
  if (e.id == 406) return "a number is out of range";
  const std::string_view text = e.what();
  const std::size_t from = text.find("syntax error");
  return from == text.npos ? "syntax error" : std::string(text.substr(from, text.find("; last read: ") - from));
}

// Builds the tree and enforces the limits; any event that returns false stops the parser.
class Builder {
 public:
  Builder(std::string_view text, Code code, std::size_t most_values)
      : text_(text), code_(code), seen_(text.data()), most_values_(most_values) {}

  Json build() {
    const char* const end = text_.data() + text_.size();
    // What a handler refuses it throws itself: a SAX parser that is told to stop gives no reason.
    (void)Json::sax_parse(Cursor(text_.data(), &seen_), Cursor(end, &seen_), this);
    return std::move(root_);
  }

  [[noreturn]] void refuse(std::size_t offset, const std::string& why) const {
    const std::string_view before = text_.substr(0, std::min(offset, text_.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    throw Error(code_,
                "not valid JSON at line " + std::to_string(line) + " (byte " + std::to_string(offset) + "): " + why);
  }

  // --- what nlohmann::json::sax_parse() calls ---
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return place(nullptr); }
  bool boolean(bool value) { return place(value); }
  bool number_integer(number_integer_t value) { return place(value); }
  bool number_unsigned(number_unsigned_t value) { return place(value); }
  bool number_float(number_float_t value, const string_t& token) {
    // An integer beyond 64 bits comes here, rounded.
    if (token.find_first_of(".eE") == token.npos) refuse_here("a number is out of range");
    return place(value);
  }
  bool string(string_t& value) {
    refuse_nul(value);
    return place(std::move(value));
  }
  bool binary(binary_t&) { return false; }  // never called for text
  bool start_object(std::size_t) { return open(Json::value_t::object); }
  bool start_array(std::size_t) { return open(Json::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    refuse_nul(name);
    if (!frames_.back().keys.insert(fold(name)).second) refuse_here("the same key twice in one object");
    member_ = &(*frames_.back().value)[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception& e) const {
    refuse(position, reason_of(e));
  }

 private:
  struct Frame {
    Json* value;
    std::set<std::string> keys;  // ordered: hashing invites keys that collide
  };

  [[noreturn]] void refuse_here(const char* why) const { refuse(static_cast<std::size_t>(seen_ - text_.data()), why); }
  void refuse_nul(const std::string& value) const {
    if (value.find('\0') != value.npos) refuse_here("a NUL character");
  }
  Json& add(Json value) {
    if (++values_ > most_values_) refuse_here("too many values");
    if (frames_.empty()) return root_ = std::move(value);
    if (frames_.back().value->is_array()) return frames_.back().value->emplace_back(std::move(value));
    return *member_ = std::move(value);
  }
  bool place(Json value) {
    add(std::move(value));
    return true;
  }
  bool open(Json::value_t type) {
    if (frames_.size() >= static_cast<std::size_t>(kMaxDepth)) refuse_here("nested too deeply");
    frames_.push_back({&add(Json(type)), {}});
    return true;
  }
  bool close() {
    frames_.pop_back();
    return true;
  }

  std::string_view text_;
  Code code_;
  const char* seen_;
  Json root_;
  std::vector<Frame> frames_;
  Json* member_ = nullptr;  // of the innermost object: where its next value goes
  std::size_t values_ = 0, most_values_;
};

}  // namespace

Json parse_json(std::string_view text) { return parse_json(text, Code::decode); }

Json parse_json(std::string_view text, Code code) { return parse_json(text, code, kMaxInput, kMaxValues); }

Json parse_json(std::string_view text, Code code, std::size_t most_bytes, std::size_t most_values) {
  if (text.size() > most_bytes) throw Error(code, "more than " + std::to_string(most_bytes) + " bytes of JSON");
  Builder builder(text, code, most_values);
  // The library skips a byte order mark and takes a NUL byte for the end of the text.
  if (text.starts_with("\xef\xbb\xbf")) builder.refuse(0, "a byte order mark");
  if (const std::size_t nul = text.find('\0'); nul != text.npos) builder.refuse(nul, "a NUL byte");
  return builder.build();
}

}  // namespace trestle::cni
