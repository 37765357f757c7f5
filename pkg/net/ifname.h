#pragma once
#include <compare>
#include <string>
#include <string_view>

namespace trestle::net {

// The name of a link, valid by existing: 1 to 15 bytes, printable, without '/', ':', '%', white space or NUL; not "."
// or "..".
class IfName {
 public:
  // Throws Error{bad_config} naming the text and the rule it breaks.
  static IfName parse(std::string_view text);
  const std::string& str() const noexcept { return name_; }
  auto operator<=>(const IfName&) const = default;

 private:
  explicit IfName(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

}  // namespace trestle::net
