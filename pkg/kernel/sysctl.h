#pragma once
#include <optional>
#include <string>

namespace trestle::kernel {

// The trimmed value of /proc/sys/<key> as the calling thread's network namespace sees it; nullopt when there is no such key.
std::optional<std::string> read_sysctl(const std::string& key);
// Writes only when the value differs, so that a read-only /proc with the right value works. `at_least`: a greater number holds too.
// Throws Error{kernel} naming key, wanted and found value.
void ensure_sysctl(const std::string& key, const std::string& value, bool at_least);

}  // namespace trestle::kernel
