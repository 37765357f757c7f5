#include "app/log.h"

#include <fcntl.h>

namespace trestle::app {

namespace {

constexpr std::string_view kLevels[] = {"error", "warn", "info", "debug"};
constexpr std::size_t kMaxField = 1000;

// One line stays one line, and a quote ends the field only where we put it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxField))
    out += c == '"' ? '\'' : static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out + '"';
}

}  // namespace

void Log::configure(const std::string& level, const std::string& file) {
  for (std::size_t i = 0; i < std::size(kLevels); ++i)
    if (level == kLevels[i]) level_ = static_cast<Level>(i);
  if (file.empty()) return;
  base::Fd fd = base::try_open(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd.valid()) {
    file_ = std::move(fd);
  } else {
    write(Level::warn, "the log file cannot be opened", {{"file", file}});
  }
}

void Log::write(Level level, std::string_view message, Fields fields) const {
  if (level > level_) return;
  std::string line = "level=" + std::string(kLevels[static_cast<std::size_t>(level)]) + " msg=" + quoted(message);
  for (const auto& [key, value] : fields)
    if (!value.empty()) line += " " + std::string(key) + "=" + quoted(value);
  line += '\n';
  static_cast<void>(base::write_all(file_.valid() ? file_.get() : fd_, line));  // a log that is lost changes nothing
}

}  // namespace trestle::app
