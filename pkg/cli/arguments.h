#pragma once
// What a person typed after a command's name, checked against what the command takes.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace trestle::cli {

struct Option {
  const char* name;   // "netns": typed as --netns
  const char* value;  // what stands for its value in help: "NAME|PATH"; "" when it takes none
  const char* help;   // one line
};

// How many words a command takes that are no options.
struct Operands {
  const char* help = "";  // "FILE", "[CONTAINER]"
  std::size_t least = 0, most = 0;
};

// The command line is wrong: exit code 2. The message says what is wrong with it, the details what would be right.
struct UsageError : base::Error {
  explicit UsageError(const std::string& message, const std::string& more = {})
      : Error(base::Code::bad_environment, message, more) {}
};

class Arguments {
 public:
  // `argv[0]` is not looked at. Options and operands in any order, "--x value" or "--x=value", "--" ends the options; the last of an option
  // given twice counts. With `stop_early` parsing ends at the first operand, which stays, with all behind it, in operands().
  // Throws UsageError: an unknown option (with the nearest known), a value missing or too many, too few or too many operands.
  static Arguments parse(std::span<char* const> argv, std::span<const Option> options, const Operands& operands,
                         bool stop_early = false);

  bool has(std::string_view option) const { return values_.contains(option); }
  std::optional<std::string> find(std::string_view option) const;
  std::string get(std::string_view option, const std::string& otherwise) const {
    return find(option).value_or(otherwise);
  }
  // Takes `option` over from `other` when it is given there and not here.
  void inherit(const std::string& option, const Arguments& other);
  const std::vector<std::string>& operands() const { return operands_; }
  // How many of argv's elements were looked at, with `stop_early`: the first operand's index, or argv's size.
  std::size_t consumed() const { return consumed_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> operands_;
  std::size_t consumed_ = 0;
};

}  // namespace trestle::cli
