#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace trestle::app {

// Structured lines, never on stdout: `level=warn msg="…" container="…"`. Only pkg/app and pkg/cli log; libraries throw or return.
class Log {
 public:
  enum class Level : std::uint8_t { error, warn, info, debug };
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Log(int fd) : fd_(fd) {}
  // `file` "" keeps the descriptor. A file that cannot be opened is said on the descriptor and changes nothing else.
  void configure(const std::string& level, const std::string& file);
  void write(Level level, std::string_view message, Fields fields = {}) const;

 private:
  int fd_;
  base::Fd file_;
  Level level_ = Level::warn;
};

}  // namespace trestle::app
