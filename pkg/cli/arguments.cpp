#include "cli/arguments.h"

#include <getopt.h>

#include "base/text.h"

namespace trestle::cli {

namespace {

constexpr int kFirst = 256;  // getopt's value of our first option: beyond all letters

std::vector<option> getopt_table(std::span<const Option> options) {
  std::vector<option> table;
  for (const Option& o : options)
    table.push_back(
        {o.name, *o.value ? required_argument : no_argument, nullptr, kFirst + static_cast<int>(table.size())});
  table.push_back({nullptr, 0, nullptr, 0});
  return table;
}

[[noreturn]] void refuse_unknown(const std::string& word, std::span<const Option> options) {
  std::vector<std::string_view> names;
  for (const Option& o : options) names.emplace_back(o.name);
  const bool is_long = word.starts_with("--");
  const std::string nearest = is_long ? base::nearest(word.substr(2, word.find('=') - 2), names) : "";
  std::vector<std::string> known;
  for (const std::string_view name : names) known.push_back("--" + std::string(name));
  throw UsageError("unknown option '" + base::printable(word, 40) + "'" +
                       (nearest.empty() ? "" : "; did you mean --" + nearest + "?"),
                   "options: " + base::join(known, ", "));
}

void check_count(const std::vector<std::string>& words, const Operands& operands) {
  if (words.size() < operands.least) throw UsageError(std::string(operands.help) + " is missing");
  if (words.size() <= operands.most) return;
  throw UsageError("'" + base::printable(words[operands.most], 40) + "' is one word too many",
                   operands.most == 0 ? "this command takes options only" : std::string("it takes ") + operands.help);
}

}  // namespace

Arguments Arguments::parse(std::span<char* const> argv, std::span<const Option> options, const Operands& operands,
                           bool stop_early) {
  const std::vector<option> table = getopt_table(options);
  std::vector<char*> words(argv.begin(), argv.end());
  words.push_back(nullptr);
  const int count = static_cast<int>(argv.size());
  Arguments out;
  ::opterr = 0;
  ::optind = 0;  // 0, not 1: glibc then forgets what an earlier call left half read
  for (;;) {
    const int before = ::optind == 0 ? 1 : ::optind;
    const int found = ::getopt_long(count, words.data(), stop_early ? "+:h" : "-:h", table.data(), nullptr);
    if (found == -1) break;
    if (found == 1) {  // '-' in front: operands come in their order, whatever POSIXLY_CORRECT says
      out.operands_.emplace_back(::optarg);
    } else if (found == 'h') {
      out.values_["help"];
    } else if (found == ':') {
      throw UsageError("option --" + std::string(options[static_cast<std::size_t>(::optopt - kFirst)].name) +
                       " needs a value: " + options[static_cast<std::size_t>(::optopt - kFirst)].value);
    } else if (found == '?') {
      if (::optopt >= kFirst)
        throw UsageError("option --" + std::string(options[static_cast<std::size_t>(::optopt - kFirst)].name) +
                         " takes no value");
      // A cluster of letters ("-xh") leaves optind where it was.
      refuse_unknown(words[static_cast<std::size_t>(::optind > before ? ::optind - 1 : before)], options);
    } else {
      out.values_[options[static_cast<std::size_t>(found - kFirst)].name] = ::optarg ? ::optarg : "";
    }
  }
  out.consumed_ = static_cast<std::size_t>(::optind);
  for (int i = ::optind; i < count; ++i) out.operands_.emplace_back(words[static_cast<std::size_t>(i)]);
  if (!stop_early && !out.has("help")) check_count(out.operands_, operands);
  return out;
}

void Arguments::inherit(const std::string& option, const Arguments& other) {
  if (const auto value = other.find(option)) values_.try_emplace(option, *value);
}

std::optional<std::string> Arguments::find(std::string_view option) const {
  const auto it = values_.find(option);
  return it == values_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace trestle::cli
