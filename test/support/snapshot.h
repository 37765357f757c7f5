#pragma once
#include <string>
#include <vector>

namespace trestle::test {

// What is in the current network namespace, as `ip`, `bridge` and `nft` see it, one line per object and without what
// changes by itself (timers, lifetimes, counters, neighbours, carrier). For "nothing is left": take one before, one
// after, and expect no difference.
struct Snapshot {
  std::vector<std::string> lines;  // sorted: "link {…}", "addr {…}", "route {…}", "rule {…}", "fdb {…}", "nft …"
};
Snapshot snapshot();
// "- line" for what is gone, "+ line" for what is new; empty when nothing changed. Compare with kNothing, so that a
// failure shows them.
std::vector<std::string> difference(const Snapshot& before, const Snapshot& after);
inline const std::vector<std::string> kNothing;
// The names of all files below a directory, sorted; empty when there is none.
std::vector<std::string> files_below(const std::string& directory);

}  // namespace trestle::test
