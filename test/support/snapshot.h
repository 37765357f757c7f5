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
// The same with the state now. Addresses, their routes and groups alone that differ are looked at again for up to 10 s, until nothing does:
// a NIC that went down and up again has its IPv6 link-local address back only when its carrier was noticed and duplicate
// address detection is over, which is seconds in an emulated machine. All else must be as it was at once.
std::vector<std::string> changed_since(const Snapshot& before);
// Until that is over for all links: before a snapshot that others are compared with. 10 s at most.
void wait_settled();
// The names of all files below a directory, sorted; empty when there is none.
std::vector<std::string> files_below(const std::string& directory);

}  // namespace trestle::test
