#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cni/result.h"

namespace trestle::cni {

namespace {

using base::Code;
using base::Error;

std::size_t rank(std::string_view version) {
  const auto& all = supported_versions();
  const auto at = std::find(all.begin(), all.end(), version);
  if (at == all.end()) throw Error(Code::bug, "compared with a version that is not supported");
  return static_cast<std::size_t>(at - all.begin());
}

// As Go prints a string with %q, for the texts we let through: printable() leaves no quotes.
std::string quoted(std::string_view text) { return '"' + base::printable(text, 32) + '"'; }

}  // namespace

const std::vector<std::string>& supported_versions() {
  static const std::vector<std::string> versions{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};
  return versions;
}

std::string check_version(const std::string& version) {
  const auto& all = supported_versions();
  if (version.empty()) return all.front();
  if (std::find(all.begin(), all.end(), version) != all.end()) return version;
  std::vector<std::string> names;
  for (const std::string& known : all) names.push_back(quoted(known));
  throw Error(Code::incompatible_version, "incompatible CNI versions",
              "config is " + quoted(version) + ", plugin supports [" + base::join(names, " ") + "]");
}

bool at_least(const std::string& version, const char* least) { return rank(version) >= rank(least); }

void check_gate(const std::string& version, const char* verb, const char* least) {
  if (at_least(check_version(version), least)) return;
  throw Error(Code::incompatible_version, std::string("config version does not allow ") + verb,
              "config is " + quoted(check_version(version)) + ", " + verb + " needs " + quoted(least) + " or newer");
}

}  // namespace trestle::cni
