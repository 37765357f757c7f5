#pragma once
// Text for a terminal. Pure.
#include <cstdint>
#include <string>
#include <vector>

namespace trestle::cli {

// Rows of equally many cells as aligned columns, two spaces apart, without trailing blanks; the first row is the head. An empty cell shows
// as "-".
std::string table(const std::vector<std::vector<std::string>>& rows);

// "12s", "5m", "3h", "9d": two digits where possible.
std::string age(std::uint64_t seconds);

// "999 B", "1.0 kB", "18.4 EB".
std::string amount(std::uint64_t bytes);

// At most `limit` characters; what is cut is shown by "…" at the end.
std::string shortened(const std::string& text, std::size_t limit);

}  // namespace trestle::cli
