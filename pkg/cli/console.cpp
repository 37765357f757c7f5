#include <cerrno>

#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"

namespace trestle::cli {

void Console::print(const std::string& text) const {
  if (base::write_all(world_.out, text)) return;
  const int err = errno;
  base::throw_errno(err, "stdout", base::Code::io);
}

void Console::note(const std::string& text) const {
  static_cast<void>(base::write_all(world_.log, "note: " + text + "\n"));  // advice that nobody reads changes nothing
}

void Console::error(std::string_view command, const base::Error& e) const {
  std::string text = "trestle";
  if (!command.empty()) text += " " + std::string(command);
  text += std::string(": ") + e.what() + "\n";
  if (!e.details.empty())
    for (const std::string& line : base::split(e.details, '\n')) text += "    " + line + "\n";
  static_cast<void>(base::write_all(world_.log, text));
}

}  // namespace trestle::cli
