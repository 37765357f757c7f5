#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trestle::base {

std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Splits at every `separator`; "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
// Lowercase hexadecimal of the low `digits` * 4 bits.
std::string hex(std::uint64_t value, int digits);
// The whole text as an unsigned decimal of at most `max`, without sign, spaces or leading '+'; nullopt otherwise.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);
// For people's eyes: control characters, quotes and bytes that are not UTF-8 become '?', longer than `limit` is cut
// with "…".
std::string printable(std::string_view text, std::size_t limit = 80);
// The candidate nearest to `word` by edit distance (case ignored); empty when none is within a third of the word's
// length (at least 2).
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace trestle::base
