#include "kernel/sysctl.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace trestle::kernel {

namespace {

using base::Code;
using base::Error;

constexpr std::size_t kLimit = 4096;

std::string path_of(const std::string& key) {
  const std::string framed = "/" + key + "/";
  // A link may be named "a.b", but no record or configuration leads out of /proc/sys.
  if (key.empty() || key.find('\0') != std::string::npos || framed.find("//") != std::string::npos ||
      framed.find("/../") != std::string::npos || framed.find("/./") != std::string::npos)
    throw Error(Code::bug, "not a sysctl: " + base::printable(key));
  return "/proc/sys/" + key;
}

std::string trimmed(const std::string& text) {
  const char* space = " \t\n";
  const std::size_t first = text.find_first_not_of(space);
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(space) - first + 1);
}

// A signed decimal: some keys (accept_dad, rp_filter's relatives) know -1.
std::optional<std::int64_t> number(const std::string& text) {
  const bool negative = !text.empty() && text.front() == '-';
  const auto value = base::parse_number(std::string_view(text).substr(negative ? 1 : 0), INT64_MAX);
  if (!value) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

}  // namespace

std::optional<std::string> read_sysctl(const std::string& key) {
  const std::string path = path_of(key);
  const base::Fd fd = base::try_open(path, O_RDONLY);
  const int err = errno;
  if (!fd.valid()) {
    if (err == ENOENT || err == ENOTDIR) return std::nullopt;
    base::throw_errno(err, "read " + path);
  }
  const auto text = base::read_all(fd.get(), kLimit);
  const int read_err = errno;
  if (!text) base::throw_errno(read_err, "read " + path);
  return trimmed(*text);
}

bool sysctl_holds(const std::string& found, const std::string& wanted, bool at_least) {
  if (found == wanted) return true;
  const auto have = number(found), want = number(wanted);
  return at_least && have && want && *have >= *want;
}

void ensure_sysctl(const std::string& key, const std::string& value, bool at_least) {
  const std::string path = path_of(key);
  const auto found = read_sysctl(key);
  if (!found && at_least) return;  // the link is gone, and with it what was to be kept
  if (!found) throw Error(Code::kernel_lacks, "sysctl " + key + ": there is no such key, so it cannot be " + value);
  if (sysctl_holds(*found, value, at_least)) return;
  const base::Fd fd = base::try_open(path, O_WRONLY);
  int err = fd.valid() ? 0 : errno;
  if (fd.valid() && !base::write_all(fd.get(), value)) err = errno;
  if (err != 0)
    throw Error(Code::kernel,
                "sysctl " + key + ": is " + base::printable(*found) + ", must be " + value + ": " + std::strerror(err));
}

}  // namespace trestle::kernel
