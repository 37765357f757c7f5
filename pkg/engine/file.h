#pragma once
#include <string>

namespace trestle::engine {

// A small file of ours on the host: written aside and renamed, mode 0644, its directory made when missing; nothing is written when the
// text is already there. Throws Error{kernel} naming the path.
void ensure_file(const std::string& path, const std::string& text);
void write_file(const std::string& path, const std::string& text);  // the same without a look before
bool file_has(const std::string& path, const std::string& text);
// Unlinks it when its text is still ours. Absent or foreign: no error. Throws Error{kernel}.
void remove_file(const std::string& path, const std::string& text);
// For files that no part names any more: unlinks those whose path begins with `path`, goes on for `more` characters and whose text begins
// with `text`. Throws Error{kernel}.
void remove_files_like(const std::string& path, std::size_t more, const std::string& text);

}  // namespace trestle::engine
