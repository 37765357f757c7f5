#include "net/ifname.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trestle::net {
namespace {

// What is wrong with `text` as the name of a link; nullptr: nothing.
const char* fault(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() > 15) return "is longer than 15 bytes";
  if (text == "." || text == "..") return "is a directory";
  // Both are directories of /proc/sys/net/*/conf that mean every link; the kernel refuses them with a bare EINVAL.
  if (text == "all" || text == "default") return "is a word that the kernel keeps for itself";
  // NUL would cut the name, '%' would let the kernel number it.
  const auto bad = [](char c) { return c <= ' ' || c > '~' || c == '/' || c == ':' || c == '%'; };
  if (std::any_of(text.begin(), text.end(), bad))
    return "has a character that is not allowed (white space, '/', ':', '%' or not ASCII)";
  return nullptr;
}

}  // namespace

IfName IfName::parse(std::string_view text) {
  if (const char* why = fault(text))
    throw base::Error(base::Code::bad_config, "interface name \"" + base::printable(text) + "\" " + why);
  return IfName(std::string(text));
}

}  // namespace trestle::net
