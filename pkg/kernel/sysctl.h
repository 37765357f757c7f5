#pragma once
#include <optional>
#include <string>

namespace trestle::kernel {

// `key` is a path below /proc/sys ("net/ipv4/ip_forward"); one that would leave it is Error{bug}. Keys below net/ are
// those of the calling thread's network namespace.

// The trimmed value; nullopt when there is no such key. Throws Error{kernel} when it cannot be read.
std::optional<std::string> read_sysctl(const std::string& key);
// Writes only when the value differs, so that a read-only /proc with the right value works. `at_least`: a greater
// number holds too. Throws Error{kernel} naming key, wanted and found value; Error{kernel_lacks} when there is no such
// key.
void ensure_sysctl(const std::string& key, const std::string& value, bool at_least);
// Does `found` hold what ensure_sysctl(…, wanted, at_least) ensures? For CHECK.
bool sysctl_holds(const std::string& found, const std::string& wanted, bool at_least);

}  // namespace trestle::kernel
